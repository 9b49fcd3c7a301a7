"""A vault with a key of its own."""

from __future__ import annotations

import pytest

from connector.workspaces.vault import Key, Vault, new_key


@pytest.fixture
def vault() -> Vault:
    return Vault([Key.parse(new_key())])
