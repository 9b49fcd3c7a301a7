"""Keeping in step with Stripe: what webhooks missed, what happened before, who and what Stripe can name."""
