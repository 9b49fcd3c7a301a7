"""`connector mappings`: the rules that make Intercom events, checked, tested, shown, tried and written.

checking   check, test: the files alone, without a database
showing    show: what an entry does
trying     try: what one payload becomes, or why nothing (`trial` finds it out)
writing    new, schema: an entry made from a payload, and what editors complete with
covering   coverage: what comes in and is not mapped
comparing  diff: what a changed folder would do to stored events
files      the folders they all look at
"""

from __future__ import annotations

import typer

from connector.cli.mappings import checking, comparing, covering, showing, trying, writing

app = typer.Typer(help="The rules that make Intercom events of what is received.")
for part in (checking, showing, trying, writing, covering, comparing):
    part.register(app)
