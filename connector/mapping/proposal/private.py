"""What is never proposed as metadata: secrets, and what belongs into a person's own record and nowhere else.

Metadata stands in messages, exports and filters. An operator may add any of these by hand; a proposal does not.
"""

from __future__ import annotations

import re
from itertools import pairwise

from connector.mapping.context import Json
from connector.mapping.event_name import words_of

IDENTIFY = "identify"
"""The kind of what a person's own traits stand in."""

_WORDS_TEXT = """
email mail phone telephone mobile fax address addresses street city zip zipcode postal postcode county latitude
longitude lat lng lon geo ip ssn dob birthday birthdate birth gender sex religion ethnicity passport iban bic swift
routing fingerprint secret secrets token tokens password passwd passphrase passcode pwd pin cvc cvv otp auth
authorization cookie cookies session credential credentials signature private hash nonce jwt bearer apikey last4
username login firstname lastname surname fullname avatar cardholder signer device idfa idfv gaid imei useragent
"""
_PAIRS_TEXT = """
first-name last-name full-name middle-name given-name family-name billing-name shipping-name account-number card-number
phone-number api-key access-key secret-key private-key license-key tax-id vat-id vat-number user-agent client-secret
account-holder screen-name
"""
_PERSONS_TEXT = """
agent assignee attendee author buyer caller child client coach contact creator customer doctor driver employee friend
guardian guest host instructor invitee inviter lead manager member parent passenger patient person pupil recipient
referrer reporter requester reviewer rider seller sender staff student subscriber teacher tenant trainer user visitor
"""
_WITHIN_TEXT = """
shipping_address billing_address shipping_details billing_details customer_details customer_address customer_shipping
owner individual representative evidence card payment_method_details sources context customer_tax_ids customer_update
shipping customer_profile traits
"""
_WORDS = frozenset(_WORDS_TEXT.split())
_PAIRS = frozenset(_PAIRS_TEXT.split())
_PERSONS = frozenset(_PERSONS_TEXT.split())
"""Whoever these are, their names are their own, and so is all that stands below them."""

_WITHIN = frozenset(_WITHIN_TEXT.split())
_PEOPLE = frozenset({"customer", "person", "issuing.cardholder", "payment_method", "account", "recipient", IDENTIFY})
"""Stripe's objects whose `name` is a person's; so is that of a call to identify."""

_VALUES = re.compile(
    r"""
      .*[^\s@]@[^\s@]+\.[^\s@].*                               # an e-mail address
    | \+[\d\s().-]{7,} | \([\d]{2,5}\)[\d\s.-]{5,}             # a telephone number
    | \d{3}-\d{2}-\d{4}                                        # a social security number
    | (?:\d[ -]?){13,19}                                       # a card number
    | (?:\d{1,3}\.){3}\d{1,3} | (?:[0-9a-f]{0,4}:){3,}[0-9a-f.:]*   # an IP address
    | (?:sk|rk|pk|whsec|ek|ghp|gho|xox[a-z]|glpat)[_-]\S+ | AKIA\S+ | eyJ\S+\.\S+   # keys and tokens
    | .*_secret_.* | -----BEGIN.*
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_RANDOM = re.compile(r"(?=\S*[0-9])(?=\S*[A-Za-z])[A-Za-z0-9+/=_.-]{28,}")
_SECRET_QUERY = re.compile(r"[?&#](?:[a-z_]*token|[a-z_]*key|sig|signature|secret|password|code|auth)=", re.IGNORECASE)
_LONGEST_LOOKED_AT = 2048


def is_private_name(name: str) -> bool:
    """Whether a field of this name holds a secret or something personal."""
    words = words_of(name)
    if any(word in _WORDS for word in words):
        return True
    if words[-1:] == ["name"] and any(word in _PERSONS for word in words):
        return True
    return any(f"{one}-{other}" in _PAIRS for one, other in pairwise(words))


def is_private_object(name: str) -> bool:
    """Whether all that is below a field of this name is to be left alone."""
    words = words_of(name)
    return "_".join(words) in _WITHIN or any(word in _PERSONS for word in words)


def is_persons_name(name: str, kind: str) -> bool:
    """Whether the field `name` of a thing of this kind is what a person is called."""
    return kind in _PEOPLE and name in ("name", "nickname", "description", "business_name", "individual_name")


def is_private_value(value: Json) -> bool:
    """Whether a text looks like a secret, or like something that leads to a person."""
    if not isinstance(value, str):
        return False
    text = value.strip()[:_LONGEST_LOOKED_AT]
    if text.lower().startswith(("http://", "https://")):
        return bool(_SECRET_QUERY.search(text)) or "@" in text
    return bool(_VALUES.fullmatch(text) or _RANDOM.fullmatch(text))
