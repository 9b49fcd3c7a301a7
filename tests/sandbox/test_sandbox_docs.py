"""docs/sandbox.md names every fault, setting and route there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.sandbox import Fault, FaultKind, SandboxSettings, StripeKey, WorkspaceSettings
from connector.sandbox.control import ROUTES as CONTROL
from connector.sandbox.intercom import ROUTES as INTERCOM

DOCS = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text(encoding="utf-8")
LAST_PARTS = {path.rpartition("}")[2].strip("/") or path.partition("/{")[0] for _, path, *_ in INTERCOM}


@pytest.mark.parametrize("kind", FaultKind)
def test_a_fault_is_explained(kind):
    assert f"| `{kind}` |" in DOCS


@pytest.mark.parametrize(
    "name",
    [*Fault.model_fields, *WorkspaceSettings.model_fields, *SandboxSettings.model_fields, *StripeKey.model_fields],
)
def test_a_setting_is_named(name):
    assert f"`{name}`" in DOCS or f'"{name}"' in DOCS


@pytest.mark.parametrize(("method", "path"), [(method, path) for method, path, _ in CONTROL])
def test_a_control_route_is_listed(method, path):
    assert any(method in line and path in line for line in DOCS.splitlines())


@pytest.mark.parametrize("part", sorted(LAST_PARTS))
def test_a_route_of_intercom_is_listed(part):
    assert part in DOCS
