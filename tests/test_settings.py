"""The environment becomes one frozen model; what is wrong is said with the variable and the remedy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from connector.errors import SettingsError
from connector.settings import LogFormat, Settings, ZeroDecimalMoney, load, variable

DOCUMENT = Path(__file__).parents[1] / "docs" / "settings.md"


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in Settings.model_fields:
        monkeypatch.delenv(variable(field), raising=False)


def test_an_empty_environment_is_a_working_single_machine() -> None:
    settings = load()
    assert settings.database_url == "sqlite:///connector.db"
    assert settings.public_url == "http://127.0.0.1:8080"
    assert settings.metadata_keys == 10
    assert settings.zero_decimal_money is ZeroDecimalMoney.HUNDREDTHS


def test_variables_are_read_by_their_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CONNECTOR_PORT", "9000")
    monkeypatch.setenv("CONNECTOR_MAPPINGS_DIR", str(tmp_path))
    monkeypatch.setenv("CONNECTOR_LOG_FORMAT", "json")
    settings = load()
    assert (settings.port, settings.mappings_dir, settings.log_format) == (9000, tmp_path, LogFormat.JSON)


def test_flags_beat_the_environment_and_absent_flags_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNECTOR_PORT", "9000")
    monkeypatch.setenv("CONNECTOR_HOST", "10.0.0.1")
    settings = load(port=9001, host=None)
    assert (settings.host, settings.port) == ("10.0.0.1", 9001)


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNECTOR_BASE_URL", "")
    monkeypatch.setenv("CONNECTOR_ENCRYPTION_KEYS", "")
    settings = load()
    assert settings.base_url is None
    assert settings.encryption_keys is None


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("CONNECTOR_PORT", "eighty", "Port to listen on"),
        ("CONNECTOR_PORT", "65536", "less than or equal to 65535"),
        ("CONNECTOR_BASE_URL", "connector.example.com", "https://"),
        ("CONNECTOR_BASE_URL", "https://[", "Address at which"),
        ("CONNECTOR_INTERCOM_API_URL", "ftp://example.com", "https://"),
        ("CONNECTOR_INTERCOM_VERSION", "latest", "Version of Intercom's API"),
        ("CONNECTOR_METADATA_KEYS", "30", "10 … 20"),
        ("CONNECTOR_ZERO_DECIMAL_MONEY", "round", "hundredths"),
        ("CONNECTOR_LOG_FORMAT", "xml", "`json`"),
        ("CONNECTOR_LOG_LEVEL", "loud", "`warning`"),
    ],
)
def test_a_wrong_value_is_named_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, remedy: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load()
    assert str(caught.value).startswith(f"{name} ")
    assert remedy in str(caught.value)


def test_all_wrong_values_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNECTOR_PORT", "eighty")
    monkeypatch.setenv("CONNECTOR_LOG_LEVEL", "loud")
    with pytest.raises(SettingsError) as caught:
        load()
    assert [line.split()[0] for line in str(caught.value).splitlines()] == ["CONNECTOR_PORT", "CONNECTOR_LOG_LEVEL"]


def test_a_secret_shows_in_neither_the_model_nor_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNECTOR_DATABASE_URL", "postgresql://connector:hunter2@db/connector")
    monkeypatch.setenv("CONNECTOR_ENCRYPTION_KEYS", "hunter3")
    settings = load()
    assert settings.encryption_keys == SecretStr("hunter3")
    assert "hunter" not in repr(settings)


def test_settings_cannot_be_changed_afterwards() -> None:
    with pytest.raises(ValidationError):
        load().port = 1


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"base_url": "https://hooks.example.com/"}, "https://hooks.example.com"),
        ({"base_url": "https://example.com/connector"}, "https://example.com/connector"),
        ({"host": "0.0.0.0", "port": 80}, "http://127.0.0.1:80"),
        ({"host": "10.1.2.3"}, "http://10.1.2.3:8080"),
    ],
)
def test_the_public_address_is_the_one_given_or_the_one_listened_on(given: dict[str, object], shown: str) -> None:
    assert load(**given).public_url == shown


def test_the_document_has_exactly_the_settings_of_the_model() -> None:
    rows = re.findall(r"^\| `(CONNECTOR_\w+)` \| (.*?) \| (.*) \|$", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    expected = [
        (variable(name), _default(field.default), field.description) for name, field in Settings.model_fields.items()
    ]
    assert rows == expected


def _default(value: object) -> str:
    return "unset" if value is None else f"`{value}`"
