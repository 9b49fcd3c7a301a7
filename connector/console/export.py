"""A search as a file: CSV that no spreadsheet takes for formulas, or JSON; written as it is read, and bounded."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from aiohttp import web

from connector.console import pages
from connector.errors import UsageError

MOST = 50_000
PAGE = 500
Rows = AsyncIterator[Sequence[Mapping[str, Any]]]
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")


async def send(request: web.Request, rows: Rows, columns: Sequence[str], *, name: str, form: str) -> web.StreamResponse:
    """`rows` as `csv` or `json`. Raises UsageError for another form."""
    if form not in ("csv", "json"):
        raise UsageError("there is CSV and JSON")
    kind = "text/csv" if form == "csv" else "application/json"
    headers = {**pages.HEADERS, "Content-Disposition": f'attachment; filename="{name}.{form}"'}
    response = web.StreamResponse(headers={**headers, "Content-Type": f"{kind}; charset=utf-8"})
    await response.prepare(request)
    parts = _csv(rows, columns) if form == "csv" else _json(rows)
    async for part in parts:
        await response.write(part.encode("utf-8", "replace"))
    await response.write_eof()
    return response


async def _csv(rows: Rows, columns: Sequence[str]) -> AsyncIterator[str]:
    yield line(columns)
    async for some in rows:
        yield "".join(line([cell(row.get(column)) for column in columns]) for row in some)


async def _json(rows: Rows) -> AsyncIterator[str]:
    between = "["
    async for some in rows:
        for row in some:
            yield between + json.dumps(row, ensure_ascii=False)
            between = ",\n"
    yield "]\n" if between != "[" else "[]\n"


def line(cells: Sequence[str]) -> str:
    """One line of CSV."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return out.getvalue()


def cell(value: object) -> str:
    """A value as a cell: what a spreadsheet would take for a formula begins with an apostrophe.

    https://owasp.org/www-community/attacks/CSV_Injection
    """
    text = "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    harmless = not isinstance(value, str)  # a number may begin with a minus
    return text if harmless or not text.lstrip(" ").startswith(_FORMULA) else f"'{text}"
