"""Passwords as they are stored: scrypt with a salt of its own, its costs beside it so that they can rise.  Pure.

The costs are OWASP's: 16 MiB of memory and five rounds
(https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#scrypt).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

SHORTEST, LONGEST = 12, 1024
N, R, P = 2**14, 8, 5
SALT_BYTES, HASH_BYTES = 16, 32
MEMORY = 64 * 1024 * 1024


def stored(password: str) -> str:
    """`password` as a row keeps it."""
    salt = secrets.token_bytes(SALT_BYTES)
    return "$".join(("scrypt", str(N), str(R), str(P), _text(salt), _text(_hash(password, salt, N, R, P))))


def matches(password: str, kept: str) -> bool:
    """Whether it is the password of which `kept` is the stored form. Takes some hundredths of a second."""
    _, n, r, p, salt, expected = kept.split("$")
    found = _hash(password, base64.b64decode(salt), int(n), int(r), int(p))
    return hmac.compare_digest(found, base64.b64decode(expected))


def generated() -> str:
    """A password of 120 random bits."""
    return secrets.token_urlsafe(15)


def _hash(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    raw = password[:LONGEST].encode("utf-8", "surrogatepass")
    return hashlib.scrypt(raw, salt=salt, n=n, r=r, p=p, maxmem=MEMORY, dklen=HASH_BYTES)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


NOBODYS = "scrypt$16384$8$5$bm9ib2R5IGhhcyBpdCE=$" + _text(bytes(HASH_BYTES))
"""What no password matches: looked at for names that there are not, so that they cannot be told by time."""
