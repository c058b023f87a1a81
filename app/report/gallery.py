"""The report of pictures: a gallery, if pictures may be in it, and a table. It grows on disk, not in memory."""

import base64
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from PIL import Image as Pillow

from app.api.wire.schemas import ModelNames
from app.api.wire.table import FAULTS
from app.counts import Counts
from app.faces.annotate import CUT_OFF, draw_jpeg
from app.faces.types import ImageFaces
from app.manifest import LABELS
from app.pictures.types import Image
from app.plural import counted
from app.report.markup import bar, escaped, new_report, now, table_head, write_foot, write_head
from app.report.words import said_of, write_counts

PICTURE_PX, PICTURE_QUALITY = 900, 85
FAILED = dict(zip(FAULTS, ("Not read", "Not drawn", "Not explained"), strict=True))


class GalleryReport:
    """Gathers answers and writes the report when the block ends, however it ends; of no answer, none.

    Args:
        path: New HTML file.
        model: The networks.
        with_pictures: Whether pictures may be in it.
    """

    def __init__(self, path: Path, model: ModelNames, with_pictures: bool) -> None:
        self._path, self._model, self._with_pictures = path, model, with_pictures
        self._began = now()
        self._first = ""
        self._counts = Counts()
        with ExitStack() as stack:
            self._figures, self._rows = (
                stack.enter_context(tempfile.TemporaryFile("w+", encoding="utf-8")) for _ in range(2)
            )
            self._closing = stack.pop_all()

    def show(self, name: str, image: Image, found: ImageFaces) -> None:
        """Add a picture to the gallery, reduced and with its boxes.

        Args:
            name: Of its file.
            image: RGB, uint8, shape (H, W, 3).
            found: The faces in it.
        """
        if not self._with_pictures:
            return
        picture = base64.b64encode(draw_jpeg(*reduced(image, found), PICTURE_QUALITY)).decode()
        words = f"<figcaption>{escaped(name)}</figcaption>"
        self._figures.write(f'<figure><img src="data:image/jpeg;base64,{picture}" alt="">{words}</figure>\n')

    def add(self, name: str, answer: Mapping[str, Any]) -> None:
        """Add the answer for one file, as the API writes it, to the table."""
        self._first = self._first or name
        self._counts.add(answer)
        cut_off = f" <small>({CUT_OFF})</small>" if answer.get("image", {}).get("truncated") else ""
        begin = f"<tr><td>{escaped(name)}{cut_off}</td>"
        for number, face in enumerate(answer.get("faces", ()), 1):
            shares = bar({label: face["probabilities"][label] for label in LABELS}, face["unclear"])
            words = said_of(face)
            self._rows.write(f'{begin}<td>{number}</td><td>{words}</td><td class="wide">{shares}</td></tr>\n')
        if answer.get("faces") == []:
            self._rows.write(f'{begin}<td colspan="3">No face found.</td></tr>\n')
        for fault in FAULTS:
            if fault in answer:
                told = f"{FAILED[fault]}: {escaped(answer[fault]['detail'])}"
                self._rows.write(f'{begin}<td colspan="3">{told}</td></tr>\n')

    def __enter__(self) -> "GalleryReport":
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write the report.

        Raises:
            InvalidRequest: If it cannot be written.
        """
        with self._closing:
            if self._counts.pictures:
                self._write()

    def _write(self) -> None:
        with new_report(self._path) as file:
            counts = self._counts
            title = self._first if counts.pictures == 1 else counted(counts.pictures, "picture")
            write_head(file, title, self._began, self._model)
            write_counts(file, counts)
            if self._with_pictures:
                file.write('<section class="gallery">')
                _append(file, self._figures)
                file.write("</section>\n")
            file.write(f"<section><h2>Faces</h2>{table_head(('Picture', 'Face', 'Expression', 'Shares'))}")
            _append(file, self._rows)
            file.write("</tbody></table></section>\n")
            write_foot(file)


@contextmanager
def gallery_report(path: Path | None, model: ModelNames, with_pictures: bool) -> Iterator[GalleryReport | None]:
    """Return a report for the block, as `GalleryReport`; None: none."""
    if path is None:
        yield None
        return
    with GalleryReport(path, model, with_pictures) as report:
        yield report


def reduced(image: Image, found: ImageFaces) -> tuple[Image, ImageFaces]:
    """Return the picture and its faces with a longer side of at most `PICTURE_PX`."""
    height, width = image.shape[:2]
    scale = min(1.0, PICTURE_PX / max(width, height))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.asarray(Pillow.fromarray(image).resize(size, reducing_gap=2.0))
    x, y = size[0] / found.width, size[1] / found.height
    faces = tuple(replace(face, detection=face.detection.scaled(x, y)) for face in found.faces)
    return small, replace(found, width=size[0], height=size[1], faces=faces)


def _append(file: Any, part: Any) -> None:
    part.seek(0)
    shutil.copyfileobj(part, file)
