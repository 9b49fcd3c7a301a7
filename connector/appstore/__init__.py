"""What Intercom calls, and what an admin opens: installing, uninstalling, webhooks, the state of an installation."""
