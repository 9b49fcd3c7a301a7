"""Stripe and Segment webhooks become Intercom events."""
