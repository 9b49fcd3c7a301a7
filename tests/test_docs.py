"""The documentation says what is there: each table, each state, each source, each reason for a look."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from connector.database.tables import metadata
from connector.events import ReceivedState
from connector.inbox.sources import SOURCES
from connector.inbox.sources.source import BatchPolicy
from connector.outbox.delivery import AFTER, State

DOCS = Path(__file__).parent.parent / "docs"
PAGES = [*DOCS.rglob("*.md"), *(DOCS.parent / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"))]


def page(name: str) -> str:
    return (DOCS / name).read_text()


@pytest.mark.parametrize("table", sorted(metadata.tables))
def test_the_data_model_names_each_table(table: str):
    assert f"| `{table}` |" in page("data-model.md")


@pytest.mark.parametrize("state", [*ReceivedState, *State])
def test_the_delivery_page_names_each_state(state: str):
    assert f"| `{state}` |" in page("delivery.md")


@pytest.mark.parametrize("source", SOURCES)
def test_the_http_page_names_each_route(source: str):
    assert f"`POST /webhooks/{source}/{{token}}`" in page("http.md")


@pytest.mark.parametrize("policy", BatchPolicy)
def test_the_http_page_names_each_batch_policy(policy: str):
    assert f"| `{policy}`" in page("http.md")


def test_the_states_of_a_delivery_are_drawn_and_listed_alike():
    from connector.outbox import delivery

    assert set(AFTER) == set(State)
    drawing = (delivery.__doc__ or "").partition("`waiting`:")[0]
    assert {state for state in State if state in drawing} == set(State)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_between_pages_lead_somewhere(path: Path):
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text()):
        if not target.startswith(("http://", "https://")):
            assert (path.parent / target).exists(), f"{path.name} links to {target}"


def test_the_readme_shows_both_commands_and_every_decision_is_listed():
    readme = (DOCS.parent / "README.md").read_text()
    assert "$ make demo" in readme
    assert "$ make test" in readme
    listed = page("decisions/README.md")
    assert all(path.name in listed for path in (DOCS / "decisions").glob("0*.md"))
