"""Answers as a table: one row a face, and a row for a picture without faces or with an error."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from types import MappingProxyType
from typing import Any

from app.api.wire.schemas import ClassifyEntry, DetectEntry, ErrorOut
from app.manifest import LABELS

NO_FACE = "no face"
FAULTS = ("error", "annotate_error", "explain_error")
"""Keys under which an answer says what failed; all but the first stand beside faces."""
COLUMNS = (
    *("file", "image_width", "image_height", "face", "emotion", "confidence", "margin", "unclear"),
    *LABELS,
    *("x", "y", "width", "height", "detection_confidence", "rotation_deg", "crop_px", "truncated", "error", "detail"),
)
SHARES = ("confidence", "margin", *LABELS, "detection_confidence")
TRUTHS = ("unclear", "truncated")
Further = Mapping[str, Sequence[str]]
"""What is asked of a face besides its emotion: attribute -> labels."""

NOTHING: Further = MappingProxyType({})

MEDIA_TYPE = "text/csv; charset=utf-8; header=present"

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet calculates what begins so; the names of files are not ours."""


@dataclass(frozen=True)
class Columns:
    """The columns of a table.

    Attributes:
        names: All, in order.
        shares: Those that hold shares, 0..1.
    """

    names: tuple[str, ...] = COLUMNS
    shares: tuple[str, ...] = SHARES


PLAIN = Columns()
"""Where nothing is asked besides the emotion."""


def columns_with(further: Further) -> Columns:
    """Return the columns; what is asked besides emotion has its label, its confidence and its shares at the end."""
    shares = [(f"{each}_confidence", *(f"{each}_{label}" for label in labels)) for each, labels in further.items()]
    names = [(each, *of_each) for each, of_each in zip(further, shares, strict=True)]
    return Columns((*COLUMNS, *chain(*names)), (*SHARES, *chain(*shares)))


def table_of(entries: Iterable[DetectEntry | ClassifyEntry | ErrorOut], further: Further) -> bytes:
    """Write the entries of a request."""
    text, columns = io.StringIO(), columns_with(further)
    rows = csv.DictWriter(text, columns.names, lineterminator="\r\n")  # RFC 4180
    rows.writeheader()
    for entry in entries:
        rows.writerows(rows_of(entry.file or "", entry.model_dump(), columns))
    return text.getvalue().encode()


def rows_of(file: str, answer: Mapping[str, Any], columns: Columns = PLAIN) -> Iterator[dict[str, Any]]:
    """Return the rows of one picture as CSV has them: `values_of`, shares with four decimals."""
    return (csv_row(values, columns) for values in values_of(file, answer))


def csv_row(values: Mapping[str, Any], columns: Columns) -> dict[str, Any]:
    """Return a row of `values_of` as CSV has it."""
    file = values["file"]
    shares = {name: f"{values[name]:.4f}" for name in columns.shares if values.get(name) is not None}
    truths = {name: truth(values[name]) for name in TRUTHS if values.get(name) is not None}
    return {**values, **shares, **truths, "file": f"'{file}" if file.startswith(_FORMULA) else file}


def values_of(file: str, answer: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Return the rows of one picture by the names of `columns_with`: boxes in pixels, shares 0..1.

    Args:
        file: Its name.
        answer: As the API writes it: with `faces`, with the `emotion` of a whole picture, or with one of `FAULTS`.
    """
    told: Mapping[str, Any] = next((answer[name] for name in FAULTS if name in answer), {})
    size = answer.get("image") or {}
    common = {
        "file": file,
        "image_width": size.get("width"),
        "image_height": size.get("height"),
        "truncated": None if "error" in answer else (size or answer).get("truncated", False),
        "error": told.get("code"),
        "detail": told.get("detail"),
    }
    faces = [answer] if "emotion" in answer else answer.get("faces", ())
    for number, face in enumerate(faces, 1):
        yield {**common, "face": number, **_face(face)}
    if not faces:
        yield {**common, **({} if "error" in answer else {"face": 0, "emotion": NO_FACE})}


def truth(value: bool) -> str:
    """Write a truth value as JSON does."""
    return str(value).lower()


def _face(face: Mapping[str, Any]) -> dict[str, Any]:
    names = ("emotion", "confidence", "margin", "unclear", "detection_confidence", "rotation_deg", "crop_px")
    return {
        **{name: face[name] for name in names if name in face},
        **face["probabilities"],
        **face.get("box", {}),
        **further_values(face),
    }


def further_values(face: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is said of a face besides its emotion, by the names of `columns_with`."""
    values: dict[str, Any] = {}
    for name, label, confidence, probabilities in further_of(face):
        values |= {name: label, f"{name}_confidence": confidence}
        values |= {f"{name}_{each}": share for each, share in probabilities.items()}
    return values


def further_of(face: Mapping[str, Any]) -> Iterator[tuple[str, str, float, Mapping[str, float]]]:
    """Yield each attribute besides emotion that a face, as the API writes it, has: label, confidence, probabilities."""
    for name, said in face.items():
        if isinstance(said, Mapping) and "label" in said:  # as `AttributeOut` is written
            yield name, said["label"], said["confidence"], said["probabilities"]
