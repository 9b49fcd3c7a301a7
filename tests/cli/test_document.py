"""docs/cli.md has every command with exactly its options."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from connector.cli.root import app

DOCUMENT = Path(__file__).parents[2] / "docs" / "cli.md"


def commands(command: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    for name, child in getattr(command, "commands", {}).items():
        yield from commands(child, (*path, name))
    if not hasattr(command, "commands"):
        yield " ".join(path), command


COMMANDS = dict(commands(typer.main.get_command(app), ("connector",)))


def sections() -> dict[str, str]:
    """Each command's section, without its heading."""
    parts = re.split(r"^### `(connector [a-z -]+?)(?: [\[A-Z].*)?`$", DOCUMENT.read_text("utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _shown(command: Any) -> list[Any]:
    """What the help shows: not what a process only tells its own children."""
    return [parameter for parameter in command.params if not getattr(parameter, "hidden", False)]


def test_every_command_has_its_section_and_no_other() -> None:
    assert list(sections()) == list(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_section_has_what_the_commands_help_says(name: str) -> None:
    command, section = COMMANDS[name], sections()[name]
    assert command.help in " ".join(section.split("\n"))
    takes = {option.opts[0] for option in _shown(command) if option.param_type_name == "option"} - {"--help"}
    rows = re.findall(r"^\| `(--[a-z-]+)` \|", section, re.MULTILINE)
    shared = re.findall(r"`(--[a-z-]+)`", "".join(re.findall(r"^Also .*$", section, re.MULTILINE)))
    assert sorted(rows + shared) == sorted(takes)


def test_every_command_and_option_explains_itself() -> None:
    for name, command in COMMANDS.items():
        assert command.help, name
        for parameter in _shown(command):
            assert parameter.help, f"{name} {parameter.name}"


def test_everything_that_prints_a_result_can_print_json() -> None:
    runs = {"connector serve", "connector worker", "connector sandbox"}
    always_json = {"connector mappings schema"}
    for name, command in COMMANDS.items():
        names = {option for parameter in command.params for option in parameter.opts}
        assert ("--json" in names) is (name not in runs | always_json), name


def test_every_list_takes_a_limit_and_a_cursor() -> None:
    for name, command in COMMANDS.items():
        names = {option for parameter in command.params for option in parameter.opts}
        if name.endswith(" list"):
            assert {"--limit", "--cursor"} <= names, name
