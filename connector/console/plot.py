"""Plots as SVG, drawn here: no script and no style in them, so that the strictest content policy shows them.  Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, FLOOR = 480, 120, 104


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar; `height` and the rest in the plot's own units."""

    x: float
    y: float
    width: float
    height: float
    label: str


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars side by side, the highest as high as the plot."""

    bars: tuple[Bar, ...]
    top: int


@dataclass(frozen=True, slots=True)
class Line:
    """A line as SVG's `points`; gaps where nothing was."""

    parts: tuple[str, ...]
    dots: tuple[tuple[float, float], ...]


def bars(values: Sequence[int], labels: Sequence[str], *, top: int | None = None) -> Bars:
    """A bar for each value."""
    highest = top or max([*values, 1])
    step = WIDTH / len(values)
    drawn = [
        Bar(round(place * step + 1, 1), round(FLOOR - tall, 1), round(step - 2, 1), round(tall, 1), label)
        for place, (value, label) in enumerate(zip(values, labels, strict=True))
        if (tall := value / highest * (FLOOR - 8)) > 0
    ]
    return Bars(tuple(drawn), highest)


def line(values: Sequence[int | None], *, top: int) -> Line:
    """A line through the values, broken where there is none."""
    step = WIDTH / len(values)
    parts: list[str] = []
    dots: list[tuple[float, float]] = []
    run: list[str] = []
    for place, value in enumerate([*values, None]):
        if value is None:
            parts += [" ".join(run)] if len(run) > 1 else []
            run = []
            continue
        x, y = round((place + 0.5) * step, 1), round(FLOOR - value / max(top, 1) * (FLOOR - 8), 1)
        run.append(f"{x},{y}")
        dots.append((x, y))
    return Line(tuple(parts), tuple(dots))
