"""Answers as a table (text/csv): one row a face, and a row for a picture without faces or with an error."""

import csv
import io
from collections.abc import Iterable
from typing import Any

from app.api.wire.schemas import ClassifyEntry, DetectEntry, EmotionFields, ErrorOut, FaceOut
from app.manifest import LABELS

NO_FACE = "no face"
COLUMNS = (
    *("file", "face", "emotion", "confidence"),
    *LABELS,
    *("x", "y", "width", "height", "detection_confidence", "error"),
)
MEDIA_TYPE = "text/csv; charset=utf-8; header=present"

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet calculates what begins so; the names of files are not ours."""


def table_of(entries: Iterable[DetectEntry | ClassifyEntry | ErrorOut]) -> bytes:
    """Write the entries of a request; probabilities have four decimals, boxes are in pixels."""
    text = io.StringIO()
    rows = csv.DictWriter(text, COLUMNS, lineterminator="\r\n")  # RFC 4180
    rows.writeheader()
    for entry in entries:
        file = entry.file or ""
        shown = f"'{file}" if file.startswith(_FORMULA) else file
        rows.writerows({"file": shown, **row} for row in _rows_of(entry))
    return text.getvalue().encode()


def _rows_of(entry: DetectEntry | ClassifyEntry | ErrorOut) -> list[dict[str, Any]]:
    if isinstance(entry, ErrorOut):
        return [{"error": entry.error.code}]
    if isinstance(entry, ClassifyEntry):
        return [{"face": 1, **_emotion(entry)}]
    faces = [{"face": number, **_face(face)} for number, face in enumerate(entry.faces, 1)]
    return faces or [{"face": 0, "emotion": NO_FACE}]


def _face(face: FaceOut) -> dict[str, Any]:
    return {**_emotion(face), **face.box.model_dump(), "detection_confidence": f"{face.detection_confidence:.4f}"}


def _emotion(fields: EmotionFields) -> dict[str, Any]:
    shares = {"confidence": fields.confidence, **fields.probabilities}
    return {"emotion": fields.emotion, **{name: f"{share:.4f}" for name, share in shares.items()}}
