"""What reports of pictures say of a face and of all."""

from collections.abc import Mapping
from typing import IO, Any

from app.api.wire.table import further_of
from app.counts import Counts
from app.faces.annotate import shared, verdict
from app.plural import counted
from app.report.markup import bar, legend


def said_of(face: Mapping[str, Any]) -> str:
    """Return what a face, as the API writes it, is said to be: `Happy 93%` or `Happy 93% · Male 97%`."""
    ranked = sorted(face["probabilities"].items(), key=lambda pair: -pair[1])
    further = (shared(label, confidence) for _, label, confidence, _ in further_of(face))
    return " · ".join(words.capitalize() for words in (verdict(ranked, face["unclear"]), *further))


def write_counts(file: IO[str], counts: Counts) -> None:
    """Write the section on all pictures: their counts in words, and the mean shares."""
    expressions = ", ".join(f"{count:,} {label}" for label, count in counts.expressions.most_common())
    faces = counted(counts.faces, "face") + (f": {expressions}" if expressions else "")
    without = f" Without a face: {counts.without:,}." if counts.without else ""
    unclear = f" Unclear: {counts.unclear:,} of the faces." if counts.unclear else ""
    failed = f" Failed: {counts.failed:,}." if counts.failed else ""
    file.write(f"<section><h2>In all</h2><p>{counted(counts.pictures, 'picture')}, {faces}.{unclear}{without}{failed}")
    file.write(f"</p>\n{bar(counts.shares) if counts.faces else ''}{legend()}</section>\n")
