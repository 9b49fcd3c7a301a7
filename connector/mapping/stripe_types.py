"""The event types that Stripe has, for advice: those its library knows, and those that only old versions still send.

The library is imported when the first type is looked up: half a second that a running service does not spend.
"""

from __future__ import annotations

import typing
from functools import lru_cache

_OLD_TYPES = """
bitcoin.receiver.created customer.bank_account.deleted customer.card.created customer.card.deleted
customer.card.updated invoiceitem.updated issuer_fraud_record.created issuing_settlement.created order.created
order.payment_failed order.payment_succeeded order.updated order_return.created
payment_method.card_automatically_updated recipient.created recipient.deleted recipient.updated sku.created
sku.deleted sku.updated transfer.failed transfer.paid
"""


@lru_cache(maxsize=1)
def stripe_types() -> frozenset[str]:
    """Every event type that Stripe may send in a snapshot event, as far as is known."""
    from stripe import Event

    return frozenset(typing.get_args(Event.__annotations__["type"])) | frozenset(_OLD_TYPES.split())
