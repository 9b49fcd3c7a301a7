"""An entry proposed for an event type, from one payload: for `connector mappings new`. Pure.

naming      what it is called: Stripe's types by a table and a rule, Segment's names turned round
people      who it happened to: the identifiers that the payload has
fields      what is worth knowing of it: typed metadata, the most useful first
private     what is never proposed: secrets, and what only a person's own record should hold
tracing     the payload cut down to what the entry reads, for its example
yaml_text   values as YAML
document    all of it as one document
"""

from __future__ import annotations

from connector.mapping.proposal.document import Proposal, propose
from connector.mapping.proposal.naming import proposed_name

__all__ = ["Proposal", "propose", "proposed_name"]
