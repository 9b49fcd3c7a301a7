"""1 Receive: a webhook's raw bytes are verified and stored, and only then acknowledged."""
