"""Which of Stripe's API versions the catalogue is tested with."""

from __future__ import annotations

import pytest

from connector.mapping.api_versions import NEWEST_TESTED, untested


@pytest.mark.parametrize(
    ("version", "why"),
    [
        (None, None),
        ("2011-01-01", None),
        ("2018-05-21", None),
        ("2025-02-24.acacia", None),
        (NEWEST_TESTED, None),
        ("2026-07-29.preview", None),
        ("2026-10-28.endive", "newer"),
        ("2031-01-01", "newer"),
        ("", "unreadable"),
        ("next", "unreadable"),
        ("2026-10-28.endive\n", "unreadable"),
        ("٢٠٢٦-١٠-٢٨", "unreadable"),
        ("2026-10-28" * 30, "unreadable"),
    ],
)
def test_a_version_later_than_those_tested_is_told_from_one_that_is_none(version: str | None, why: str | None):
    assert untested(version) == why
