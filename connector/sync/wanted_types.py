"""Which of Stripe's event types are asked for: those that mappings use, and those that teach something."""

from __future__ import annotations

from connector.mapping.catalog import Catalog

LEARNT = (
    "charge.succeeded",
    "checkout.session.completed",
    "coupon.created",
    "coupon.updated",
    "customer.created",
    "customer.updated",
    "invoice.finalized",
    "invoice_payment.paid",
    "payment_intent.succeeded",
    "plan.created",
    "plan.updated",
    "price.created",
    "price.updated",
    "product.created",
    "product.updated",
)
"""Who is who, for events that name nobody (`contacts.evidence`), and what is called what (`names`): asked for and sent
whether or not events are made of them."""


def wanted_types(catalog: Catalog) -> tuple[str, ...]:
    """Every type that is asked for, in order; none at all where that is every type there is."""
    types = {*catalog.triggers("stripe"), *LEARNT}
    return () if "*" in types else tuple(sorted(types))
