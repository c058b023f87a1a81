"""One row per face and frame, as CSV or as JSON lines; written rows are kept, whatever happens later."""

import csv
import json
from collections.abc import Iterable
from typing import IO, Any

from app.api.stream.messages import stream_face
from app.api.wire.table import NOTHING, Further, columns_with, further_values, truth
from app.faces.types import Face
from app.manifest import LABELS
from app.watch.source import TimedImage

CSV_COLUMNS = (
    *("frame", "time_s", "taken_at", "track_id", "emotion", "confidence", "margin", "unclear"),
    *LABELS,
    *(f"raw_{label}" for label in LABELS),
    *("x", "y", "width", "height", "detection_confidence", "rotation_deg", "crop_px"),
)
AT_THE_END = len(columns_with(NOTHING).names)
"""Of the columns of a table, where those of further attributes begin."""


class RowWriter:
    """Writes rows to an open text file.

    Args:
        file: Where to write.
        as_csv: CSV with a header line; else JSON lines with the fields of the stream's faces.
        further: What is asked besides the emotion, with its labels.
    """

    def __init__(self, file: IO[str], as_csv: bool, further: Further = NOTHING) -> None:
        self._file = file
        columns = (*CSV_COLUMNS, *columns_with(further).names[AT_THE_END:])
        self._csv = csv.DictWriter(file, columns, lineterminator="\n") if as_csv else None
        if self._csv is not None:
            self._csv.writeheader()

    def write(self, number: int, frame: TimedImage, faces: Iterable[Face]) -> None:
        """Write the faces of one frame and flush them at once."""
        moment = {
            "frame": number,
            "time_s": round(frame.time_s, 4),
            "taken_at": frame.taken_at.isoformat(timespec="milliseconds") if frame.taken_at else None,
        }
        for face in faces:
            written = stream_face(face).model_dump()
            if self._csv is None:
                self._file.write(json.dumps({**moment, **written}) + "\n")
            else:
                self._csv.writerow({**moment, **_flat(written)})
        self._file.flush()


def _flat(written: dict[str, Any]) -> dict[str, Any]:
    raw = {f"raw_{label}": value for label, value in written.pop("raw_probabilities").items()}
    unclear = truth(written.pop("unclear"))
    further = further_values(written)
    row = {**written.pop("probabilities"), **raw, **written.pop("box"), **written, "unclear": unclear}
    return {**row, **further}
