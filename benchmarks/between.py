"""Writes figures into a page of the docs, between two lines that mark their place."""

from pathlib import Path


def write_between(page: Path, beginning: str, end: str, text: str) -> None:
    """Replace what stands between two markers of a page.

    Raises:
        ValueError: If it has none.
    """
    before, found_beginning, rest = page.read_text().partition(beginning)
    _, found_end, after = rest.partition(end)
    if not (found_beginning and found_end):
        raise ValueError(f"{page} lacks the lines {beginning!r} and {end!r}.")
    page.write_text(f"{before}{beginning}\n\n{text}\n\n{end}{after}")
