"""What Python's collector of garbage is told once a service has started."""

from __future__ import annotations

import gc

YOUNG = 20_000
"""New objects after which the young ones are looked through; Python's own 700 is a few webhooks."""


def spare_what_stays() -> None:
    """Have the collector pass over everything there is by now: modules, mappings, statements.

    They stay as long as the process, and looking through them takes 80 ms at a time, in which nothing else happens.
    Reference counting goes on as ever; only cycles among them would be kept.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 20, 20)
