"""`connector console users`: who may sign in to the console, and as what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector.cli import pages
from connector.cli.options import Cursor, Json, Limit, choice, secret
from connector.cli.output import Page as Listed
from connector.cli.output import moment, remark, show_item, show_page

if TYPE_CHECKING:
    from collections.abc import Iterable

    from connector.cli.session import Session
    from connector.console.users import User

app = typer.Typer(help="The console in the browser: who may sign in.")
users = typer.Typer(help="Who may sign in to the console, and as what.")
app.add_typer(users, name="users")
COLUMNS = ("name", "role", "created_at", "password_at")


def _roles() -> Iterable[str]:
    from connector.console.roles import Role

    return [role.value for role in Role]


Name = Annotated[str, typer.Argument(metavar="NAME", help="What they sign in as.", show_default=False)]
Password = Annotated[
    str | None,
    typer.Option("--password", help="- reads it from stdin. Unset: one is made up and printed.", show_default=False),
]


@users.command("add")
def add(
    name: Name,
    *,
    role: Annotated[str, choice("--role", help="viewer, operator or admin.", load=_roles)] = "viewer",
    password: Password = None,
    json: Json = False,
) -> None:
    """Add a user."""
    from connector.cli.session import run
    from connector.console import users as sql
    from connector.console.roles import Role

    chosen, made_up = _password(password)
    kept = sql.checked(chosen)

    async def work(session: Session) -> dict[str, Any]:
        user = await session.database.transact(sql.add, name, Role(role), kept, now=session.now)
        await _audited(session, "console.users.add", user=name, role=role)
        return document(user) | ({"password": chosen} if made_up else {})

    show_item(run(work), as_json=json)


@users.command("list")
def list_users(*, limit: Limit = 50, cursor: Cursor = None, json: Json = False) -> None:
    """Users by name."""
    from connector.cli.session import run
    from connector.console import users as sql

    async def work(session: Session) -> Listed:
        found = await session.database.read(sql.page, limit=limit + 1, after=cursor or "")
        return pages.cut(found, limit, document, lambda user: user.name)

    empty = "there is no user yet: the first start of the service makes `admin`"
    show_page(run(work), as_json=json, columns=COLUMNS, empty=empty)


@users.command("remove")
def remove(name: Name, *, json: Json = False) -> None:
    """Remove a user, who is signed out at once."""
    from connector.cli.session import run
    from connector.console import users as sql

    async def work(session: Session) -> dict[str, Any]:
        await session.database.transact(sql.remove, name)
        await _audited(session, "console.users.remove", user=name)
        return {"removed": name}

    show_item(run(work), as_json=json)


@users.command("password")
def set_password(name: Name, *, password: Password = None, json: Json = False) -> None:
    """Give a user another password, who is signed out everywhere."""
    from connector.cli.session import run
    from connector.console import users as sql

    chosen, made_up = _password(password)
    kept = sql.checked(chosen)

    async def work(session: Session) -> dict[str, Any]:
        await session.database.transact(sql.set_password, name, kept, now=session.now)
        await _audited(session, "console.users.password", user=name)
        if name == sql.FIRST and session.settings.console_password is not None:
            remark("CONNECTOR_CONSOLE_PASSWORD is set, and counts again from the next start on")
        return {"name": name} | ({"password": chosen} if made_up else {})

    show_item(run(work), as_json=json)


def document(user: User) -> dict[str, Any]:
    """A user as commands show it."""
    return {
        "name": user.name,
        "role": user.role,
        "created_at": moment(user.created_at),
        "password_at": moment(user.password_at),
    }


def _password(given: str | None) -> tuple[str, bool]:
    """The password, and whether it was made up."""
    from connector.console import passwords

    chosen = secret(given, "--password")
    return (passwords.generated(), True) if chosen is None else (chosen, False)


async def _audited(session: Session, action: str, **detail: object) -> None:
    from connector.cli.acting import audited

    await audited(session, None, action, **detail)
