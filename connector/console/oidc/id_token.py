"""Whether an ID token is good: signed by the provider, for us, for this sign-in, and not over.

https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation
PyJWT looks at the signature and the claims with a time; what it does not know of (nonce, azp) is looked at here. The
only home of jwt.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from typing import Any, Final

import jwt

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Public-key ones only: with HS256, who knows the client's secret could sign, and `none` is no signature at all."""
NEEDED: Final = ("iss", "sub", "aud", "exp", "iat")
LEEWAY_S: Final = 60
"""By how much the provider's clock may be wrong."""

Keys = Sequence[Mapping[str, Any]]
"""The provider's public keys, as JSON Web Keys."""


class NotGood(Exception):
    """The token is not to be trusted; the message says why, for the log and never for the page."""


class UnknownKey(NotGood):
    """It is signed with a key that is not among those known: they may have been changed."""


def checked(token: str, *, keys: Keys, issuer: str, client_id: str, nonce: str) -> dict[str, Any]:
    """The claims of a good token. Raises NotGood, UnknownKey."""
    try:
        header = jwt.get_unverified_header(token)
        algorithm = header.get("alg")
        if algorithm not in ALGORITHMS:
            raise NotGood(f"it is signed by {str(algorithm)[:20]!r}, which is not taken")
        claims = jwt.decode(
            token,
            key=jwt.PyJWK(dict(_key(keys, header.get("kid"), algorithm)), algorithm),
            algorithms=[algorithm],
            audience=client_id,
            issuer=issuer,
            leeway=LEEWAY_S,
            options={"require": list(NEEDED)},
        )
    except jwt.PyJWTError as error:
        raise NotGood(str(error)) from None
    _for_us(claims, client_id)
    if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
        raise NotGood("its nonce is that of another sign-in")
    return claims


def _key(keys: Keys, kid: object, algorithm: str) -> Mapping[str, Any]:
    """The one key that this can be signed with."""
    kind = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}[algorithm[:2]]
    fit = [
        each
        for each in keys
        if each.get("kty") == kind
        and each.get("use", "sig") == "sig"
        and each.get("alg", algorithm) == algorithm
        and (kid is None or each.get("kid") == kid)
    ]
    if len(fit) != 1:
        raise UnknownKey("it is signed with none of the provider's keys" if not fit else "several keys may have signed")
    return fit[0]


def _for_us(claims: Mapping[str, Any], client_id: str) -> None:
    """A token for several names whom it was issued to: that must be us."""
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if claims.get("azp", None if several else client_id) != client_id:
        raise NotGood("it was issued to another client")
