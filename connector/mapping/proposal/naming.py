"""What an event is called: a past-tense verb first. Stripe's types by a rule over a table, Segment's turned round."""

from __future__ import annotations

from connector.mapping.dialect import DIALECTS
from connector.mapping.english import is_past_tense, past_tense
from connector.mapping.event_name import MAX_NAME, derive_name, mistake_in_name, words_of

_THINGS = {
    "account.external_account": "bank account",
    "apps.install": "app",
    "billing.alert": "usage alert",
    "billing.credit_balance_transaction": "credit",
    "billing.credit_grant": "credits",
    "billing_portal.configuration": "portal configuration",
    "billing_portal.session": "billing portal",
    "charge": "payment",
    "charge.dispute": "dispute",
    "charge.refund": "refund",
    "checkout.session": "checkout",
    "customer.card": "card",
    "customer.bank_account": "bank account",
    "customer.discount": "discount",
    "customer.source": "payment source",
    "customer.subscription": "subscription",
    "customer.tax_id": "tax id",
    "customer_cash_balance_transaction": "cash balance transaction",
    "entitlements.active_entitlement_summary": "entitlements",
    "identity.verification_session": "identity verification",
    "invoiceitem": "invoice item",
    "payment_intent": "payment intent",
    "radar.early_fraud_warning": "fraud warning",
    "setup_intent": "setup",
    "test_helpers.test_clock": "test clock",
    "three_d_secure.authentication": "authentication",
}
"""Stripe's things that people call otherwise; the others by their own words."""

_NAMES = {
    "balance.available": "released-balance",
    "cash_balance.funds_available": "received-cash-balance-funds",
    "charge.captured": "captured-payment",
    "charge.pending": "started-payment",
    "charge.succeeded": "made-payment",
    "checkout.session.async_payment_failed": "failed-checkout-payment",
    "checkout.session.async_payment_succeeded": "completed-checkout-payment",
    "checkout.session.expired": "abandoned-checkout",
    "customer.source.expiring": "neared-payment-source-expiry",
    "customer.subscription.trial_will_end": "neared-trial-end",
    "identity.verification_session.processing": "submitted-identity-verification",
    "identity.verification_session.requires_input": "failed-identity-verification",
    "invoice.overdue": "missed-invoice-due-date",
    "invoice.payment_action_required": "required-invoice-payment-action",
    "invoice.payment_succeeded": "paid-invoice",
    "invoice.upcoming": "neared-renewal",
    "invoice.will_be_due": "neared-invoice-due-date",
    "issuing_authorization.request": "requested-card-authorization",
    "payment_intent.amount_capturable_updated": "authorized-payment",
    "payment_intent.processing": "started-payment-processing",
    "payment_intent.requires_action": "required-payment-action",
    "setup_intent.requires_action": "required-setup-action",
    "source.chargeable": "authorized-payment-source",
    "source.mandate_notification": "notified-of-mandate",
    "subscription_schedule.expiring": "neared-subscription-schedule-end",
    "test_helpers.test_clock.advancing": "advanced-test-clock",
    "test_helpers.test_clock.internal_failure": "failed-test-clock",
    "test_helpers.test_clock.ready": "finished-test-clock",
    "three_d_secure.authentication.requires_challenge": "required-authentication-challenge",
    "three_d_secure.authentication.requires_submission": "required-authentication-submission",
}
"""Types whose own words hold no past tense, or one that people would not say."""

_CALLS = {
    "page": "viewed", "screen": "viewed", "identify": "identified-contact", "group": "joined-group",
    "alias": "merged-profiles", "delete": "requested-deletion",
}  # fmt: skip
_UNSAYABLE = "did-something"


def proposed_name(source: str, event_type: str) -> str:
    """A name for the events of this type that `check` accepts."""
    name = _stripe_name(event_type) if source == "stripe" else _segment_name(event_type)
    return name if mistake_in_name(name) is None and is_past_tense(name.split("-")[0]) else _UNSAYABLE


def _stripe_name(event_type: str) -> str:
    if event_type in _NAMES:
        return _NAMES[event_type]
    thing, _, happened = event_type.rpartition(".")
    words = words_of(_THINGS.get(thing, thing))
    said = words_of(happened)
    if "upcoming" in said:
        return _joined(["neared", *words, *(word for word in said if word != "upcoming")])
    past = [at for at, word in enumerate(said) if is_past_tense(word)]
    if not past:
        return _joined([_verb(said), *words])
    return _joined([said[past[-1]], *words, *said[: past[-1]], *said[past[-1] + 1 :]])


def _segment_name(event_type: str) -> str:
    call, _, sent = event_type.strip().partition(" ")
    if call.casefold() != "track":
        known = _CALLS.get(call.casefold(), _UNSAYABLE)
        return _joined([known, *_plain_words(sent), call.casefold()]) if known == "viewed" else known
    words = _plain_words(sent)
    if not words:
        return _UNSAYABLE
    turned = derive_name(" ".join(words)) or _joined(words)
    if is_past_tense(turned.split("-")[0]):
        return turned
    for at in (0, len(words) - 1):
        if past := past_tense(words[at]):
            return _joined([past, *words[:at], *words[at + 1 :]])
    return _joined(["did", *words])


def _verb(words: list[str]) -> str:
    return next((past for word in words if (past := past_tense(word))), "reached")


def _plain_words(text: str) -> list[str]:
    """The words of a name, as far as an event name can be made of them."""
    return [word for word in words_of(text[: MAX_NAME * 2]) if word.isascii() and word.isalnum()]


def _joined(words: list[str]) -> str:
    """Words with dashes between them, as many as fit."""
    name = "-".join(words)
    return name if len(name) <= MAX_NAME else name[: MAX_NAME + 1].rpartition("-")[0]


def type_as_written(source: str, text: str) -> str:
    """A type as people type it, as mappings write it: Segment's track calls may come without the word."""
    dialect = DIALECTS[source]
    called = f"track {text.strip()}"
    return called if dialect.misspelt(text) and not dialect.misspelt(called) and source == "segment" else text.strip()
