"""What every page of ours is sent and taken by, whoever's it is: headers, forms, cookies, where a form came from."""
