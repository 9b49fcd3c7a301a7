"""The far side: the only package that calls Intercom. `outcome` and `pace` decide, `client` does."""
