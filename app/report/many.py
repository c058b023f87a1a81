"""The report of any number of pictures: counts, and a few faces as examples."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import IO

from app.api.wire.schemas import ModelNames
from app.manifest import LABELS
from app.plural import counted
from app.report.markup import bar, escaped, write_foot, write_head
from app.report.summary import Example, Summary
from app.report.words import said_of, write_counts

Thumbs = Mapping[tuple[int, int], bytes]
"""`Example.key` -> a small picture of that face (JPEG)."""

MOST_SOURCES = 3
"""Named in the title."""


def write_many_report(
    file: IO[str],
    sources: Sequence[str],
    began: datetime,
    model: ModelNames,
    summary: Summary,
    thumbs: Thumbs,
    out: str,
) -> None:
    """Write a report as one HTML file that needs nothing else.

    Args:
        file: Where to.
        sources: What was looked at.
        began: When that began, with its time zone.
        model: The networks.
        summary: What was seen.
        thumbs: Small pictures; empty if these may not be in it.
        out: Name of the file with all rows.
    """
    write_head(file, _title(sources), began, model)
    write_counts(file, summary.counts)
    for label in LABELS:
        if label in summary.surest:
            _write_faces(file, f"The surest: {label}", summary.surest[label], thumbs)
    if summary.least_sure:
        _write_faces(file, "The least sure", summary.least_sure, thumbs)
    if summary.failed:
        _write_failed(file, summary)
    file.write(f"<p>All rows are in {escaped(out)}.</p>\n")
    write_foot(file)


def _title(sources: Sequence[str]) -> str:
    more = len(sources) - MOST_SOURCES
    return ", ".join(sources[:MOST_SOURCES]) + (f" and {counted(more, 'more source')}" if more > 0 else "")


def _write_faces(file: IO[str], title: str, examples: Iterable[Example], thumbs: Thumbs) -> None:
    file.write(f"<section><h2>{title}</h2>\n")
    for example in examples:
        face, thumb = example.face, base64.b64encode(thumbs.get(example.key, b"")).decode()
        image = f'<img src="data:image/jpeg;base64,{thumb}" alt="">' if thumb else ""
        shares = bar({label: face["probabilities"][label] for label in LABELS}, face["unclear"])
        where = f"{escaped(example.file)}, face {example.number}"
        file.write(
            f'<article>{image}<div><h3>{said_of(face)}</h3><p class="file">{where}</p>{shares}</div></article>\n'
        )
    file.write("</section>\n")


def _write_failed(file: IO[str], summary: Summary) -> None:
    file.write("<section><h2>Failed</h2>\n")
    for code, count in summary.counts.failures.most_common():
        told = (f'<p class="file">{escaped(name)}: {escaped(detail)}</p>' for name, detail in summary.failed[code])
        head = f"{escaped(code)}: {counted(count, 'picture')}"
        file.write(f"<article><div><h3>{head}</h3>{''.join(told)}</div></article>\n")
    file.write("</section>\n")
