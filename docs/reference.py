"""Writes the reference part of mappings.md anew, from the models: `python docs/reference.py`."""

from __future__ import annotations

from pathlib import Path

from connector.mapping.reference import reference

BEGIN, END = "<!-- reference: from the models, by `python docs/reference.py` -->\n", "<!-- end of reference -->"
PAGE = Path(__file__).parent / "mappings.md"


def renewed(page: str) -> str:
    """`page` with today's reference."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{reference()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text("utf-8")), "utf-8")
