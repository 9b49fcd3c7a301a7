"""The set-up pages under /setup: one module for each page, over what `appstore` does."""
