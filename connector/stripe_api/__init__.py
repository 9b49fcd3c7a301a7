"""Stripe's API, the only package that calls Stripe: a key's account, our webhook endpoint, events, objects, names."""
