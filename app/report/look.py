"""How a report looks: as the page's own, whose style is read from the page's files."""

import re
from functools import cache
from pathlib import Path

STYLE_FILE = Path(__file__).resolve().parents[1] / "web" / "reportstyle.js"


@cache
def style() -> str:
    """Return the style sheet: CSS without references to other files."""
    return _source().split("`")[1]


@cache
def tones() -> dict[str, str]:
    """Return the colour of each expression, such as `#a87400`."""
    return dict(re.findall(r'(\w+): "(#[0-9a-f]{6})"', _source()))


def _source() -> str:
    return STYLE_FILE.read_text(encoding="utf-8")
