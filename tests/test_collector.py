"""The collector of garbage is to pass over what a service has loaded, and to go on collecting what comes after."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from connector.app.collector import YOUNG, spare_what_stays


@pytest.fixture
def collector() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


class Cycle:
    def __init__(self) -> None:
        self.me = self


@pytest.mark.usefixtures("collector")
def test_what_there_is_is_passed_over_and_new_cycles_are_collected() -> None:
    spare_what_stays()
    assert gc.get_freeze_count() > 10_000
    assert gc.get_threshold()[0] == YOUNG
    new = weakref.ref(Cycle())
    assert new() is not None
    gc.collect()
    assert new() is None
