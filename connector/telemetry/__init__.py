"""What happened, said once: `facts` are the values, `logs` words them, `metrics` counts them."""
