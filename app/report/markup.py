"""The HTML that every report is made of. Text from outside is escaped here."""

import html
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO

from app import __version__
from app.api.wire.schemas import ModelNames
from app.errors import InvalidRequest
from app.names import shown
from app.report.look import style, tones

LIMITS = (
    "An expression is not a reading of what a person feels, so please decide nothing about people with this report. "
    "The percentages estimate how likely people are to describe each face that way."
)
"""The page's report says the same."""
FURTHER_LIMITS = "Labels besides expressions say how most people would describe the look of a face, not who someone is."
"""Where such were asked for; the page's report says the same."""
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def escaped(text: str) -> str:
    """Return text as HTML; bytes of file names that are no UTF-8 are written in hexadecimal."""
    return html.escape(shown(text))


def now() -> datetime:
    """Return the time in the time zone of this machine, which a report says."""
    return datetime.now().astimezone()


def clock(time_s: float) -> str:
    """Write a time as `1:02.5`, or `1:00:02.5` from an hour on."""
    tenths = max(0, round(time_s * 10))
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{rest // 10:02}.{rest % 10}"
    return f"{hours}:{minutes:02}:{seconds}" if hours else f"{minutes}:{seconds}"


def bar(shares: Mapping[str, float], unclear: bool = False) -> str:
    """Draw shares, 0..1, side by side, with their words below; hatched where they are an unclear answer."""
    parts = "".join(
        f'<i style="width:{share * 100:.2f}%;background:{tones()[label]}"></i>' for label, share in shares.items()
    )
    words = " · ".join(f"{label.capitalize()} {share:.0%}" for label, share in shares.items())
    kind = "bar unclear" if unclear else "bar"
    return f'<span class="{kind}" aria-hidden="true">{parts}</span><small>{words}</small>'


def legend() -> str:
    """List the expressions with their colours."""
    items = (f'<li><i style="background:{tone}"></i>{label.capitalize()}</li>' for label, tone in tones().items())
    return f'<ul class="legend">{"".join(items)}</ul>'


def table_head(names: Iterable[str]) -> str:
    """Open a table whose head is repeated on every printed page."""
    return f"<table><thead><tr>{''.join(f'<th>{name}</th>' for name in names)}</tr></thead>\n<tbody>\n"


@contextmanager
def new_report(path: Path) -> Iterator[IO[str]]:
    """Open a new file for a report.

    Raises:
        InvalidRequest: If it cannot be made or written.
    """
    try:
        with path.open("x", encoding="utf-8") as file:
            yield file
    except OSError as error:
        raise InvalidRequest(f"The report {path} cannot be written: {error.strerror}.") from error


def write_head(file: IO[str], title: str, began: datetime, model: ModelNames) -> None:
    """Begin a report: what was looked at, when, with which networks, and the limits.

    Args:
        file: Where to.
        title: Text.
        began: When the first picture was looked at, with its time zone.
        model: The networks, each with the first digits of its weights' sha256.
    """
    ended = now()
    until = f" to {ended:%H:%M}" if ended.date() == began.date() else f" to {ended:%Y-%m-%d %H:%M}"
    when = f"{began:%Y-%m-%d %H:%M}{until} ({began:%Z})"
    file.write(
        f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>{escaped(title)}</title><style>{style()}</style></head><body>
<header><h1>{escaped(title)}</h1><p>{escaped(when)}</p>
<p>Mien {__version__}. Networks: {escaped(", ".join(model.model_dump().values()))}</p></header>
<main><p class="limits">{LIMITS}{f" {FURTHER_LIMITS}" if model.model_extra else ""}</p>
"""
    )


def write_foot(file: IO[str]) -> None:
    """End a report."""
    file.write("</main>\n<footer>Written by Mien, free software under AGPL-3.0-or-later.</footer>\n</body></html>\n")
