"""Signing as Stripe and Segment do it, written from their documentation and not with our own code."""

from __future__ import annotations

import hashlib
import hmac
import time


def stripe_headers(body: bytes, secret: str, *, at: int | None = None) -> dict[str, str]:
    """https://docs.stripe.com/webhooks#verify-manually"""
    moment = int(time.time()) if at is None else at
    signature = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return {"Stripe-Signature": f"t={moment},v1={signature},v0={'0' * 64}", "Content-Type": "application/json"}


def segment_headers(signed: bytes, secret: str) -> dict[str, str]:
    """https://segment.com/docs/connections/destinations/catalog/webhooks/"""
    return {
        "X-Signature": hmac.new(secret.encode(), signed, hashlib.sha1).hexdigest(),
        "Content-Type": "application/json",
    }


def body_headers(body: bytes, secret: str) -> dict[str, str]:
    """https://developers.intercom.com/docs/canvas-kit#signing-notifications"""
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"X-Body-Signature": signature, "Content-Type": "application/json"}
