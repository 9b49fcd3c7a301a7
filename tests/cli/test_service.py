"""`connector serve`, `worker`, `migrate` and `sandbox` as real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import pytest

from connector.settings import PREFIX
from tests.cli.conftest import PAYLOADS, SECRET
from tests.signing import stripe_headers

COMMAND = [sys.executable, "-c", "from connector.cli import main; main()"]
WAIT_S = 20.0
LATE_IS_FINE = {"CONNECTOR_MAX_AGE": "0"}
"""The payloads tell of days long past."""


class Process:
    """A long-running command; `line` reads the lines it writes until one says `what`."""

    def __init__(self, arguments: tuple[str, ...], folder: Path, environment: Mapping[str, str]) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=folder,
            env={**_without_ours(), **LATE_IS_FINE, "CONNECTOR_LOG_FORMAT": "json", **environment},
        )

    def first_line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def logged(self, event: str) -> dict[str, Any]:
        """The next line of the log that is about `event`."""
        assert self.process.stderr is not None
        return next(line for line in _documents(self.process.stderr) if line["event"] == event)

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Its exit status, and what it had still to say on stderr."""
        self.process.send_signal(number)
        _, err = self.process.communicate(timeout=WAIT_S)
        return self.process.returncode, err


def _documents(stream: IO[str]) -> Iterator[dict[str, Any]]:
    for line in stream:
        if line.startswith("{"):  # the console's first password is said to a person, beside the log
            yield json.loads(line)


def _without_ours() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}


Start = Callable[..., Process]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start `connector …` in the test's folder; what still runs at the end is killed."""
    started: list[Process] = []

    def start(*arguments: str, **environment: str) -> Process:
        started.append(Process(arguments, tmp_path, environment))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.process.kill()
        each.process.communicate()


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**_without_ours(), **environment},
        timeout=WAIT_S,
        check=False,
    )


def get(url: str) -> tuple[int, str]:
    with urllib.request.urlopen(url, timeout=WAIT_S) as answer:
        return answer.status, answer.read().decode()


def test_a_webhook_goes_from_the_command_line_to_the_sandbox_while_commands_write_beside_the_service(
    start: Start, tmp_path: Path
) -> None:
    sandbox = start("sandbox", "--port", "0", "--workspace", "acme=token", "--create-contacts").first_line()
    there = {"CONNECTOR_INTERCOM_API_URL": sandbox}
    service = start("serve", "--port", "0", **there)
    url = service.logged("running")["url"]
    assert get(f"{url}/readyz")[0] == 200

    add = ("workspaces", "add", "--app-id", "acme", "--access-token", "token", "--json")
    assert json.loads(run(tmp_path, *add, **there).stdout)["verified"] is True
    stripe = ("endpoints", "add", "--workspace", "acme", "--source", "stripe", "--signing-secret", SECRET, "--json")
    path = json.loads(run(tmp_path, *stripe, **there).stdout)["path"]

    body = (PAYLOADS / "invoice.paid.json").read_bytes()
    request = urllib.request.Request(url + path, data=body, headers=stripe_headers(body, SECRET))
    _until_known(request)
    attempted = service.logged("delivery attempted")
    assert (attempted["step"], attempted["event_name"]) == ("done", "paid-invoice")
    assert "connector_attempts_total" in get(f"{url}/metrics")[1]

    counts = json.loads(run(tmp_path, "status", "--json").stdout)
    assert (counts["events"], counts["deliveries"]) == ({"mapped": 1}, {"delivered": 1})
    status, err = service.stop()
    assert (status, json.loads(err.splitlines()[-1])["event"]) == (0, "stopped")
    assert path not in err


def _until_known(request: urllib.request.Request) -> None:
    """Post until the service has heard of the endpoint, which takes it a second at most."""
    deadline = time.monotonic() + WAIT_S
    while (status := _post(request)) == 404 and time.monotonic() < deadline:
        continue
    assert status == 200


def _post(request: urllib.request.Request) -> int:
    try:
        with urllib.request.urlopen(request, timeout=WAIT_S) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_a_second_service_on_one_sqlite_database_is_refused_with_a_sentence(start: Start, tmp_path: Path) -> None:
    start("serve", "--port", "0").logged("running")
    second = run(tmp_path, "serve", "--port", "0")
    assert second.returncode == 1
    assert "another connector service is running" in second.stderr
    assert "Traceback" not in second.stderr


def test_a_port_that_is_taken_is_said(start: Start, tmp_path: Path) -> None:
    port = start("serve", "--port", "0").logged("running")["url"].rpartition(":")[2]
    second = run(tmp_path, "serve", "--port", port, CONNECTOR_DATABASE_URL="sqlite:///other.db")
    assert second.returncode == 1
    assert "cannot listen" in second.stderr


def test_http_alone_stores_and_does_not_map(start: Start) -> None:
    service = start("serve", "--port", "0", "--no-worker")
    assert get(f"{service.logged('running')['url']}/healthz")[0] == 200
    assert service.stop(signal.SIGINT)[0] == 0


def test_a_worker_runs_without_http_until_it_is_told_to_stop(start: Start) -> None:
    worker = start("worker", CONNECTOR_LOG_LEVEL="info")
    worker.logged("running")
    assert worker.stop()[0] == 0


def test_mapping_files_with_mistakes_keep_a_service_from_starting(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "own.yaml").write_text("version: 1\nsource: paddle\n")
    failed = run(tmp_path, "serve", "--port", "0", CONNECTOR_MAPPINGS_DIR="own")
    assert failed.returncode == 1
    assert "own.yaml:2:" in failed.stderr


def test_migrating_twice_changes_nothing_the_second_time(tmp_path: Path) -> None:
    first = json.loads(run(tmp_path, "migrate", "--json").stdout)
    second = json.loads(run(tmp_path, "migrate", "--json").stdout)
    assert (first["before"], first["changed"]) == (None, True)
    assert second == {"before": first["after"], "after": first["after"], "changed": False}


def test_a_sandbox_refuses_a_workspace_without_a_token(tmp_path: Path) -> None:
    failed = run(tmp_path, "sandbox", "--workspace", "acme")
    assert (failed.returncode, "APP_ID=TOKEN" in failed.stderr) == (2, True)
