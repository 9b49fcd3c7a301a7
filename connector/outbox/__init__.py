"""The stage that queues Intercom events and delivers them until each is in a final state."""
