"""How every command ends: its exit status, its streams, and what an error says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Cli

COMMAND = [sys.executable, "-c", "from connector.cli import main; main()"]


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from connector.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "heavy = {'sqlalchemy', 'aiohttp', 'stripe', 'pydantic', 'rich', 'structlog', 'cryptography', 'yaml'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Usage: connector" in done.stdout
    assert done.stderr.strip() == "[]"


def test_without_arguments_there_is_help(cli: Cli) -> None:
    assert "Usage: connector" in cli().ok.out


def test_the_version_is_printed(cli: Cli) -> None:
    assert cli("--version").ok.out.startswith("connector 0.")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["workspace"], "No such command 'workspace'"),
        (["workspaces"], "Missing command. `connector workspaces --help`"),
        (["workspaces", "add", "--app-id", "a"], "Missing option '--access-token'"),
        (["workspaces", "list", "--limit", "0"], "'--limit': Input should be greater than or equal to 1"),
        (["workspaces", "list", "--limit", "1001"], "less than or equal to 1000"),
        (["workspaces", "list", "--cursor", "abc"], "--cursor: 'abc' is not the `next` of a page"),
        (["events", "list", "--state", "lost"], "'lost' is not one of 'received', 'mapped'"),
        (["events", "list", "--source", "paddle"], "'paddle' is none of stripe, segment"),
        (["events", "list", "--cursor", "1-zz"], "--cursor"),
        (["deliveries", "list", "--state", "lost"], "'lost' is none of waiting, held, due"),
        (["workspaces", "show", "nobody"], "there is no workspace 'nobody'"),
    ],
)
def test_wrong_usage_is_a_sentence_and_exit_2(cli: Cli, arguments: list[str], sentence: str) -> None:
    result = cli(*arguments)
    assert (result.status, result.out) == (2, "")
    assert sentence in result.err
    assert result.err.startswith("error: ")
    assert result.err.count("\n") == 1


def test_with_json_an_error_is_the_one_document_too(cli: Cli) -> None:
    result = cli("workspaces", "show", "nobody", "--json")
    assert result.status == 2
    assert result.json == {
        "error": {
            "kind": "usage",
            "message": "there is no workspace 'nobody'. `connector workspaces list` shows them",
        }
    }
    assert result.json["error"]["message"] in result.err


def test_a_wrong_setting_fails_with_its_name_and_exit_1(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNECTOR_PORT", "eighty")
    result = cli("workspaces", "list", "--json")
    assert result.status == 1
    assert result.json["error"]["kind"] == "settings"
    assert "CONNECTOR_PORT" in result.json["error"]["message"]


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("mysql://nobody@nowhere/x", "CONNECTOR_DATABASE_URL is neither"),
        ("sqlite:////no/such/folder/connector.db", "the folder /no/such/folder does not exist"),
        ("sqlite:////proc/connector.db", "/proc/connector.db"),
        ("sqlite:///.", "unable to open database file"),
        ("postgresql://connector:hunter2@127.0.0.1:9/connector", "PostgreSQL cannot be reached"),
    ],
)
def test_a_database_that_cannot_be_used_is_a_sentence_without_the_password(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, url: str, sentence: str
) -> None:
    monkeypatch.setenv("CONNECTOR_DATABASE_URL", url)
    result = cli("workspaces", "list")
    assert result.status == 1
    assert sentence in result.err
    assert "hunter2" not in result.err
    assert "Traceback" not in result.err


def test_an_empty_postgresql_is_told_how_to_get_its_tables(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, postgres_server: str
) -> None:
    monkeypatch.setenv("CONNECTOR_DATABASE_URL", postgres_server)
    result = cli("workspaces", "list")
    assert (result.status, "connector migrate" in result.err) == (1, True)


def test_a_key_that_is_gone_is_named_by_its_id(cli: Cli, acme: str, tmp_path: Path) -> None:
    (tmp_path / "connector.db.keys").unlink()
    result = cli("workspaces", "show", acme, "--json")
    assert result.status == 1
    assert result.json["error"]["kind"] == "secret"
    assert "CONNECTOR_ENCRYPTION_KEYS" in result.json["error"]["message"]


def test_tables_of_an_older_version_are_explained(cli: Cli, acme: str) -> None:
    import sqlite3

    with sqlite3.connect("connector.db") as connection:
        connection.execute("ALTER TABLE workspaces DROP COLUMN mode_before")
        connection.execute("UPDATE alembic_version SET version_num = '0000'")
    result = cli("workspaces", "show", acme)
    assert result.status == 1
    assert "revision 0000" in result.err
    assert "connector migrate" in result.err


def test_output_that_nobody_reads_to_its_end_is_no_error(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "mappings", "show", "--limit", "1000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert b"Traceback" not in process.stderr.read()
    assert process.wait() == 1
    process.stderr.close()


def test_a_real_process_prints_one_json_document_and_logs_nothing_to_stdout(tmp_path: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "workspaces", "list", "--json"], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert json.loads(done.stdout) == {"items": [], "next": None}
