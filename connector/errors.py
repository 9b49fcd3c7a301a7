"""The errors this package raises for what a caller could not expect.

What a caller *can* expect (a bad signature, a refused delivery, a skipped event) is a returned value, never raised.

    ConnectorError
    ├── SettingsError          an environment variable, a key or a file of the operator's is missing or wrong
    ├── UsageError             a command was asked for something that is not there or not allowed
    ├── DatabaseError          the database cannot be used
    │   ├── Unavailable        ... for now: nothing was stored, the sender is to try again
    │   │   └── Unstorable     ... for these values, however often they are tried
    │   └── Locked             ... because another service process owns it
    ├── SecretError            a ciphertext does not open: wrong key, or moved to another row
    └── ManifestError          app.json is not what it should be
"""

from __future__ import annotations


class ConnectorError(Exception):
    """The connector could not do what it was asked."""


class SettingsError(ConnectorError):
    """A setting is missing or wrong; the message names the variable and the remedy."""


class UsageError(ConnectorError):
    """A command was asked for something that is not there or not allowed."""


class DatabaseError(ConnectorError):
    """The database cannot be used; the message says why and what to do."""


class Unavailable(DatabaseError):
    """Nothing was stored; the sender is to try again."""


class Unstorable(Unavailable):
    """The database does not take these values, and never will."""


class Locked(DatabaseError):
    """Another service process owns this database."""


class SecretError(ConnectorError):
    """A ciphertext does not open with any of the keys in use."""


class ManifestError(ConnectorError):
    """app.json is not what it should be."""
