"""The database: the whole data model on one page, one writer that commits in groups, and how to migrate."""
