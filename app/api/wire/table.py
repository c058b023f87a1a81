"""Answers as a table: one row a face, and a row for a picture without faces or with an error."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from app.api.wire.schemas import ClassifyEntry, DetectEntry, ErrorOut
from app.manifest import LABELS

NO_FACE = "no face"
COLUMNS = (
    *("file", "image_width", "image_height", "face", "emotion", "confidence"),
    *LABELS,
    *("x", "y", "width", "height", "detection_confidence", "rotation_deg", "crop_px", "error", "detail"),
)
MEDIA_TYPE = "text/csv; charset=utf-8; header=present"

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet calculates what begins so; the names of files are not ours."""


def table_of(entries: Iterable[DetectEntry | ClassifyEntry | ErrorOut]) -> bytes:
    """Write the entries of a request."""
    text = io.StringIO()
    rows = csv.DictWriter(text, COLUMNS, lineterminator="\r\n")  # RFC 4180
    rows.writeheader()
    for entry in entries:
        rows.writerows(rows_of(entry.file or "", entry.model_dump()))
    return text.getvalue().encode()


def rows_of(file: str, answer: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Return the rows of one picture by `COLUMNS`: boxes in pixels, shares with four decimals.

    Args:
        file: Its name.
        answer: As the API writes it: with `faces`, with the `emotion` of a whole picture, or with an `error`; an
            `annotate_error` may stand beside faces.
    """
    told = answer.get("error") or answer.get("annotate_error") or {}
    size = answer.get("image") or {}
    common = {
        "file": f"'{file}" if file.startswith(_FORMULA) else file,
        "image_width": size.get("width"),
        "image_height": size.get("height"),
        "error": told.get("code"),
        "detail": told.get("detail"),
    }
    faces = [answer] if "emotion" in answer else answer.get("faces", ())
    for number, face in enumerate(faces, 1):
        yield {**common, "face": number, **_face(face)}
    if not faces:
        yield {**common, **({} if "error" in answer else {"face": 0, "emotion": NO_FACE})}


def _face(face: Mapping[str, Any]) -> dict[str, Any]:
    shares = {"confidence": face["confidence"], **face["probabilities"]}
    if "box" in face:
        shares["detection_confidence"] = face["detection_confidence"]
    where = {name: face[name] for name in ("rotation_deg", "crop_px") if name in face}
    return {
        "emotion": face["emotion"],
        **{name: f"{share:.4f}" for name, share in shares.items()},
        **face.get("box", {}),
        **where,
    }
