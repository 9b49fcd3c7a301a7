"""The senders we understand, one line each. A third one is a module beside these, a line here and its mappings."""

from __future__ import annotations

from connector.inbox.sources import segment, stripe
from connector.inbox.sources.source import Accepted, Credentials, Refused, Request, Source

SOURCES: dict[str, Source] = {
    "stripe": Source("stripe", "Stripe-Signature", 1024 * 1024, stripe.read),
    "segment": Source("segment", "X-Signature", 8 * 1024 * 1024, segment.read),
}

__all__ = ["SOURCES", "Accepted", "Credentials", "Refused", "Request", "Source"]
