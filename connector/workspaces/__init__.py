"""Who installed us: workspaces, their endpoints, and their secrets, encrypted at rest."""
