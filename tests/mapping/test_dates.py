"""Moments in every spelling, and Segment's rule for clocks that go wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.mapping.dates import seconds_of, segment_moment, zone

OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(datetime(2001, 1, 1), datetime(2100, 1, 1), timezones=OFFSETS)  # noqa: DTZ001 - the zone follows


@given(MOMENTS)
def test_a_moment_is_the_same_in_all_its_spellings(moment: datetime):
    seconds = int(moment.timestamp() // 1)
    assert seconds_of(moment.isoformat()) == seconds
    assert seconds_of(moment.isoformat().replace("T", " ")) == seconds
    assert seconds_of(moment.astimezone(UTC).isoformat().replace("+00:00", "Z")) == seconds
    assert seconds_of(moment.astimezone(UTC).replace(tzinfo=None).isoformat()) == seconds
    assert seconds_of(seconds) == seconds_of(seconds * 1000) == seconds_of(str(seconds * 1000)) == seconds
    assert seconds_of(f"{seconds}.75") == seconds_of(f"{seconds * 1000}.5") == seconds_of(seconds + 0.75) == seconds
    assert seconds_of(moment.strftime("%Y-%m-%dT%H:%M:%S%z")) == seconds


@pytest.mark.parametrize(
    "value",
    [None, True, "", "now", "30/07/2026", "2026-13-01", [], {}, float("nan"), float("inf"), 10**30, "1" * 50, -(10**15),
     "2026-07-30T00:00:00+99:00", "1785369600.", ".5", "1785369600.5.5", "1785369600123456", "1e9", "٢٠٢٦٠٧٣٠٠",
     "Thu, 30 Jul 2026 11:30:00 GMT"],
)  # fmt: skip
def test_what_is_no_moment_is_none(value: object):
    assert seconds_of(value) is None


def at(second: float) -> str:
    return datetime.fromtimestamp(1_785_369_600 + second, tz=UTC).isoformat()


@pytest.mark.parametrize(
    ("message", "second"),
    [
        # Segment's servers have reckoned it
        ({"timestamp": at(3), "originalTimestamp": at(9), "sentAt": at(9), "receivedAt": at(4)}, 3),
        # they have not: received − (sent − original)
        ({"originalTimestamp": at(3600), "sentAt": at(3602), "receivedAt": at(5)}, 3),
        ({"originalTimestamp": at(-3600), "sentAt": at(-3600), "receivedAt": at(5)}, 5),
        # from a client library, with its own clock; we received it at second 10
        ({"timestamp": at(3600), "sentAt": at(3602)}, 8),
        ({"timestamp": at(3)}, 3),
        # what is left of it
        ({"originalTimestamp": at(3), "receivedAt": at(4)}, 3),
        ({"receivedAt": at(4)}, 4),
        ({"sentAt": at(4)}, None),
        ({"timestamp": "soon", "originalTimestamp": [], "receivedAt": 7.5e300}, None),
        ({}, None),
    ],
)
def test_a_segment_message_happened_when_segment_says(message: dict[str, Any], second: int | None):
    found = segment_moment(message, 1_785_369_610)
    assert found == (None if second is None else 1_785_369_600 + second)


def test_an_unknown_time_zone_is_utc():
    assert zone("Mars/Olympus") is UTC
    assert zone("../../etc/passwd") is UTC
    assert str(zone("Europe/Berlin")) == "Europe/Berlin"
