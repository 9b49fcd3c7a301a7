"""Secrets at rest: AES-256-GCM, each ciphertext bound to the place it belongs to.

The associated data is the place (table, row, column, workspace), so that a ciphertext copied elsewhere does not open.
The key's id stands in front, so that keys can be rotated: the first key encrypts, all keys decrypt. Where the keys
come from is the business of `keys`.

    4 bytes key id ‖ 12 bytes nonce ‖ ciphertext with its 16-byte tag
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from connector.errors import SecretError, SettingsError

KEY_BYTES = 32
_ID_BYTES = 4
_NONCE_BYTES = 12


@dataclass(frozen=True, slots=True)
class Place:
    """Where a ciphertext belongs."""

    table: str
    row: int
    column: str
    workspace_id: int

    @property
    def associated_data(self) -> bytes:
        """Bytes that differ for different places; table and column are names without a slash."""
        return f"{self.table}/{self.row}/{self.column}/{self.workspace_id}".encode()

    def __str__(self) -> str:
        return f"{self.table}.{self.column} of row {self.row} (workspace {self.workspace_id})"


@dataclass(frozen=True, slots=True)
class Key:
    """One key; its id is public and is what messages show."""

    secret: bytes = field(repr=False)

    @property
    def id(self) -> bytes:
        """The first bytes of the key's SHA-256."""
        return hashlib.sha256(self.secret).digest()[:_ID_BYTES]

    @classmethod
    def parse(cls, text: str) -> Key:
        """32 bytes in base64url, with or without padding. Raises SettingsError, without the text."""
        try:
            secret = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            secret = b""
        if len(secret) != KEY_BYTES:
            raise SettingsError("is not 32 bytes in base64url. `connector keys new` makes one")
        return cls(secret)


def new_key() -> str:
    """A fresh random key as text."""
    return base64.urlsafe_b64encode(os.urandom(KEY_BYTES)).decode()


class Vault:
    """Seals secrets with the first key and opens them with whichever key sealed them."""

    def __init__(self, keys: Sequence[Key]) -> None:
        self._current = keys[0].id
        self._ciphers = {key.id: AESGCM(key.secret) for key in keys}

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The ids of all keys, the encrypting one first."""
        return tuple(key_id.hex() for key_id in self._ciphers)

    def seal(self, plaintext: str, place: Place) -> bytes:
        """`plaintext`, encrypted for `place`."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._ciphers[self._current].encrypt(nonce, plaintext.encode(), place.associated_data)
        return self._current + nonce + sealed

    def is_current(self, ciphertext: bytes) -> bool:
        """Whether it was sealed with the key that seals now."""
        return ciphertext[:_ID_BYTES] == self._current

    def open(self, ciphertext: bytes, place: Place) -> str:
        """What was sealed for `place`. Raises SecretError, which names the key by its id and never the secret."""
        key_id, nonce, sealed = _split(ciphertext)
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise SecretError(
                f"{place} was encrypted with the key {key_id.hex()}, which is not in use: "
                "put that key back into CONNECTOR_ENCRYPTION_KEYS, behind the new one"
            )
        try:
            return cipher.decrypt(nonce, sealed, place.associated_data).decode()
        except (InvalidTag, ValueError):
            raise SecretError(
                f"{place} does not open with its key {key_id.hex()}: it was altered, or belongs to another row"
            ) from None


def _split(ciphertext: bytes) -> tuple[bytes, bytes, bytes]:
    body = _ID_BYTES + _NONCE_BYTES
    return ciphertext[:_ID_BYTES], ciphertext[_ID_BYTES:body], ciphertext[body:]
