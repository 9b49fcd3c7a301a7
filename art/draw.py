"""Draws the app's icon and its listing's pictures: the SVG files beside this one, and PNG files of them.

    python art/draw.py

The shapes are written here and nowhere else; Chromium (of the system, through Playwright) turns them into PNG.
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

HERE = Path(__file__).parent
INK, PAPER, STRIPE, SEGMENT, EVENT = "#14233b", "#f5f7fb", "#6c63ff", "#1e9e6a", "#1f5fbf"
FONT = 'font-family="DejaVu Sans, sans-serif"'


def icon() -> str:
    """Two streams that become one, 512 × 512."""
    return f"""<svg xmlns="http://www.w3.org/2000/svg" width="512" height="512" viewBox="0 0 512 512">
<rect width="512" height="512" rx="112" fill="{INK}"/>
<g fill="none" stroke-width="44" stroke-linecap="round">
<path d="M96 150 C 220 150 220 256 330 256" stroke="#8f88ff"/>
<path d="M96 362 C 220 362 220 256 330 256" stroke="#4fd39b"/>
<path d="M330 256 H 372" stroke="#ffffff"/>
</g>
<circle cx="400" cy="256" r="46" fill="#ffffff"/>
<path d="M378 256 l16 16 l30 -32" fill="none" stroke="{INK}" stroke-width="14" stroke-linecap="round" stroke-linejoin="round"/>
</svg>"""


def flow() -> str:
    """Webhooks in, events out."""
    left = [("invoice.paid", STRIPE, 250), ("charge.refunded", STRIPE, 370), ("Order Completed", SEGMENT, 530),
            ("Trial Started", SEGMENT, 650)]  # fmt: skip
    right = [("Paid invoice", "$29.00", 250), ("Refunded charge", "$12.50", 370), ("Completed order", "523,35 €", 530),
             ("Started trial", "Plan: Studio", 650)]  # fmt: skip
    parts = [_title("Stripe and Segment become events that people can read")]
    for text, colour, y in left:
        parts.append(_pill(110, y, 420, text, colour))
        parts.append(f'<path d="M540 {y + 36} C 680 {y + 36} 660 {y + 36} 800 {y + 36}" stroke="{colour}" '
                     f'stroke-width="4" fill="none" marker-end="url(#end)"/>')  # fmt: skip
    for name, detail, y in right:
        parts.append(f'<rect x="830" y="{y}" width="660" height="76" rx="14" fill="#fff" stroke="#d9dee7"/>')
        parts.append(_text(860, y + 48, name, 28, INK, bold=True))
        parts.append(_text(1460, y + 48, detail, 26, "#566074", anchor="end"))
    return _picture(parts)


def card() -> str:
    """The card beside a conversation."""
    rows = [("Paid invoice · $29.00", "Jan 8, 2026 at 1:05PM", ""),
            ("Completed order · $523.35", "Jan 7, 2026 at 9:41AM", ""),
            ("Upgraded subscription", "Jan 7, 2026 at 9:12AM", "Waiting: Intercom does not know|this contact yet.")]  # fmt: skip
    parts = [_title("Beside each conversation: what happened, and why not")]
    parts.append('<rect x="110" y="220" width="860" height="560" rx="20" fill="#fff" stroke="#d9dee7"/>')
    for number, width in enumerate((520, 640, 430, 580)):
        x = 150 if number % 2 == 0 else 930 - width
        parts.append(f'<rect x="{x}" y="{270 + number * 118}" width="{width}" height="84" rx="18" '
                     f'fill="{"#eef1f6" if number % 2 == 0 else "#dfe9fb"}"/>')  # fmt: skip
    parts.append('<rect x="1010" y="220" width="480" height="560" rx="20" fill="#fff" stroke="#d9dee7"/>')
    for number, (name, when, why) in enumerate(rows):
        y = 285 + number * 125
        parts += [_text(1045, y, name, 24, INK, bold=True), _text(1045, y + 34, when, 19, "#566074")]
        if why:
            parts += [
                _text(1045, y + 66 + place * 26, part, 19, "#7a4b00") for place, part in enumerate(why.split("|"))
            ]
    parts += [_text(1045, 690, "Show more", 21, EVENT), _text(1045, 735, "Open set-up", 21, EVENT)]
    return _picture(parts)


def setup() -> str:
    """Connect, watch, try, go live."""
    steps = [("1  Connect", "Stripe by a key,", "Segment by a secret"),
             ("2  Watch", "See every event,", "send nothing yet"),
             ("3  Try", "Send to the contacts", "that you list"),
             ("4  Go live", "With the match rate", "before the button")]  # fmt: skip
    parts = [_title("From installed to live in four steps")]
    for number, (head, first, second) in enumerate(steps):
        x = 110 + number * 350
        colour = EVENT if number == 3 else "#d9dee7"
        parts.append(f'<rect x="{x}" y="290" width="325" height="320" rx="20" fill="#fff" stroke="{colour}" '
                     f'stroke-width="{4 if number == 3 else 2}"/>')  # fmt: skip
        parts += [_text(x + 28, 370, head, 32, INK, bold=True), _text(x + 28, 440, first, 22, "#566074")]
        parts.append(_text(x + 28, 474, second, 22, "#566074"))
        parts.append(f'<circle cx="{x + 52}" cy="545" r="22" fill="#e5f5ec"/>')
        parts.append(f'<path d="M{x + 42} 545 l8 8 l14 -16" fill="none" stroke="#0f6b3f" stroke-width="5"/>')
    return _picture(parts)


def _picture(parts: list[str]) -> str:
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" width="1600" height="900" viewBox="0 0 1600 900">'
            f'<defs><marker id="end" markerWidth="8" markerHeight="8" refX="5" refY="4" orient="auto">'
            f'<path d="M0 0 L8 4 L0 8 z" fill="{INK}"/></marker></defs><rect width="1600" height="900" fill="{PAPER}"/>')  # fmt: skip
    return head + "".join(parts) + "</svg>"


def _title(text: str) -> str:
    return _text(110, 145, text, 40, INK, bold=True)


def _pill(x: int, y: int, width: int, text: str, colour: str) -> str:
    return (f'<rect x="{x}" y="{y}" width="{width}" height="72" rx="36" fill="{colour}"/>'
            + _text(x + width // 2, y + 46, text, 26, "#fff", anchor="middle"))  # fmt: skip


def _text(x: int, y: int, text: str, size: int, colour: str, *, anchor: str = "start", bold: bool = False) -> str:
    weight = ' font-weight="700"' if bold else ""
    return (
        f'<text x="{x}" y="{y}" {FONT} font-size="{size}" fill="{colour}" text-anchor="{anchor}"{weight}>{text}</text>'
    )


DRAWINGS = {"icon": icon, "listing-flow": flow, "listing-card": card, "listing-setup": setup}


async def draw() -> None:
    """Write every file."""
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        found = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = await playwright.chromium.launch(
            executable_path=found, args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        for name, made in DRAWINGS.items():
            svg = made()
            (HERE / f"{name}.svg").write_text(svg + "\n", "utf-8")
            size = {"width": 512, "height": 512} if name == "icon" else {"width": 1600, "height": 900}
            page = await browser.new_page(viewport=size)
            await page.set_content(f"<style>body{{margin:0}}svg{{display:block}}</style>{svg}")
            await page.screenshot(path=str(HERE / f"{name}.png"), omit_background=True)
        await browser.close()


if __name__ == "__main__":
    asyncio.run(draw())
