"""A secret opens in its own place, with the key that sealed it, and nowhere else."""

from __future__ import annotations

import dataclasses

import pytest

from connector.errors import SecretError, SettingsError
from connector.workspaces.vault import Key, Place, Vault, new_key

HERE = Place("endpoints", 7, "token", 3)
OLD, NEW = Key.parse(new_key()), Key.parse(new_key())


def test_what_was_sealed_opens_in_its_place() -> None:
    vault = Vault([OLD])
    assert vault.open(vault.seal("whsec_ünïcode", HERE), HERE) == "whsec_ünïcode"


def test_the_same_secret_never_looks_the_same_twice() -> None:
    vault = Vault([OLD])
    assert vault.seal("whsec_1", HERE) != vault.seal("whsec_1", HERE)


@pytest.mark.parametrize(
    "elsewhere",
    [
        dataclasses.replace(HERE, table="workspaces"),
        dataclasses.replace(HERE, row=8),
        dataclasses.replace(HERE, column="restricted_key"),
        dataclasses.replace(HERE, workspace_id=4),
    ],
    ids=["another table", "another row", "another column", "another workspace"],
)
def test_a_ciphertext_that_was_moved_does_not_open(elsewhere: Place) -> None:
    vault = Vault([OLD])
    with pytest.raises(SecretError, match=f"{OLD.id.hex()}.*another row"):
        vault.open(vault.seal("whsec_1", HERE), elsewhere)


def test_each_altered_or_cut_ciphertext_is_noticed() -> None:
    vault = Vault([OLD])
    sealed = vault.seal("whsec_1", HERE)
    for place in range(len(sealed)):
        altered = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
        for damaged in (altered, sealed[:place]):
            with pytest.raises(SecretError):
                vault.open(damaged, HERE)


def test_after_rotation_the_first_key_seals_and_both_open() -> None:
    before = Vault([OLD]).seal("whsec_1", HERE)
    rotated = Vault([NEW, OLD])
    assert rotated.open(before, HERE) == "whsec_1"
    assert Vault([NEW]).open(rotated.seal("whsec_2", HERE), HERE) == "whsec_2"


def test_a_missing_key_is_named_by_its_id_and_the_secret_is_not() -> None:
    sealed = Vault([OLD]).seal("whsec_1", HERE)
    with pytest.raises(SecretError) as caught:
        Vault([NEW]).open(sealed, HERE)
    assert OLD.id.hex() in str(caught.value)
    assert "CONNECTOR_ENCRYPTION_KEYS" in str(caught.value)
    assert "whsec_1" not in str(caught.value)


def test_a_key_reads_with_and_without_padding_and_does_not_show_itself() -> None:
    text = new_key()
    assert Key.parse(text) == Key.parse(text.rstrip("="))
    assert str(Key.parse(text).secret) not in repr(Key.parse(text))


@pytest.mark.parametrize("text", ["", "short", "not base64url!", "A" * 47, "\u00e9" * 43])
def test_what_is_no_key_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(SettingsError, match="connector keys new") as caught:
        Key.parse(text)
    assert not text or text not in str(caught.value)
