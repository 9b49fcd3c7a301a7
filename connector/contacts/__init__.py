"""Who is it: what events say about who is who, and whom an event is about that does not say so itself."""
