"""`mien detect`: one picture file at a time; whatever fails costs its own file only."""

import itertools
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, Protocol

from app.api.wire.explained import explained_out
from app.api.wire.schemas import detect_out, model_names
from app.errors import DeviceLost, InvalidRequest, MienError, OutOfMemory, PayloadTooLarge
from app.faces.annotate import annotate_image
from app.faces.explain import Explanation, draw_explanation, explanation_of, face_crop, masked_copies
from app.faces.types import Answer, Attributes, Box, DetectOptions, ImageFaces
from app.manifest import EMOTION, Manifest
from app.outputs import is_csv
from app.pictures.open import decode_picture
from app.pictures.types import Image
from app.pictures.workers import Workers
from app.report.gallery import GalleryReport
from app.serving.explained import MAX_EXPLAINED


class Detector(Protocol):
    """The part of the networks needed here; `app.faces.pipeline.Pipeline` is one."""

    manifest: Manifest

    def detect(self, images: list[Image], options: list[DetectOptions]) -> list[ImageFaces]:
        """Return each image's faces, in order."""

    def classify(
        self, images: Sequence[Image], boxes: Sequence[Box | None], asked: Sequence[Attributes]
    ) -> list[dict[str, Answer]]:
        """Return what is said of each image, in order, where it is a whole face."""


class Looker:
    """Looks at picture files.

    Args:
        detector: Finds and classifies faces.
        options: For every picture.
        max_bytes: Largest file; a larger one is not read.
        max_pixels: Largest width x height.
        annotate: Folder for pictures with boxes and labels, made with `prepare_folder`; None for none.
        workers: Decode rare and large pictures; None: each of a rare format starts a process of its own.
        explain: Folder for pictures of what each face's answer rests on, made with `prepare_folder`; None for none.
        report: Is shown every picture and told every answer; None for none.
    """

    def __init__(
        self,
        detector: Detector,
        options: DetectOptions,
        max_bytes: int,
        max_pixels: int,
        annotate: Path | None,
        workers: Workers | None = None,
        explain: Path | None = None,
        report: GalleryReport | None = None,
    ) -> None:
        self._workers, self._explain, self._report = workers, explain, report
        self._detector, self._options, self._annotate = detector, options, annotate
        self._max_bytes, self._max_pixels = max_bytes, max_pixels

    def look(self, file: Path) -> dict[str, Any]:
        """Return the answer for one file as `/detect` gives it, or `error` with a code and a text.

        Where only a drawing failed, the faces are there, and `annotate_error` or `explain_error` beside them.

        Raises:
            DeviceLost: If no later picture can be answered either.
            OSError: If there is no room for the report.
        """
        answer = self._look(file)
        if self._report is not None:
            self._report.add(str(file), answer)
        return answer

    def _look(self, file: Path) -> dict[str, Any]:
        try:
            payload = read_bounded(file, self._max_bytes)
            picture = decode_picture(payload, self._max_pixels, workers=self._workers)
            [found] = self._detector.detect([picture.image], [self._options])
        except DeviceLost:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the files after it are answered
            return {"error": told(error)}
        found = replace(found, truncated=picture.truncated)
        answer = answer_of(found, self._detector.manifest, self._options.attributes)
        if self._explain is not None:
            answer |= self._explained(picture.image, found, file.stem, self._explain)
        try:
            if self._annotate is not None:
                annotate_image(picture.image, found).save(unused(self._annotate, f"{file.stem}.annotated"))
            if self._report is not None:
                self._report.show(str(file), picture.image, found)
        except Exception as error:  # noqa: BLE001 - the answer is worth more than its drawing
            answer["annotate_error"] = told(error)
        return answer

    def _explained(self, image: Image, found: ImageFaces, stem: str, folder: Path) -> dict[str, Any]:
        """Return the answer with explanations, and draw them; or say what failed."""
        manifest = self._detector.manifest
        explanations: list[Explanation] = []
        try:
            for number, face in enumerate(found.faces[:MAX_EXPLAINED], 1):
                crop = face_crop(image, face.detection, manifest.emotion.crop)
                copies = masked_copies(crop)
                rows = self._detector.classify(copies, [None] * len(copies), [()] * len(copies))
                answer = face.answers[EMOTION]
                explanations.append(explanation_of(answer, [row[EMOTION] for row in rows], answer.best[0]))
                draw_explanation(crop, explanations[-1]).save(unused(folder, f"{stem}.face-{number}"))
        except DeviceLost:
            raise
        except Exception as error:  # noqa: BLE001 - the answer is worth more than its reasons
            return {"explain_error": told(error)}
        names = model_names(manifest, self._options.attributes)
        return explained_out(found, explanations, manifest.emotion.crop, names).model_dump()


def answer_of(found: ImageFaces, manifest: Manifest, attributes: Attributes) -> dict[str, Any]:
    """Return what `/detect` answers to who asks these attributes."""
    return detect_out(found, model_names(manifest, attributes)).model_dump()


def read_bounded(file: Path, max_bytes: int) -> bytes:
    """Read a file if its size allows; of a pipe, which has none, not more than a byte too many.

    Raises:
        PayloadTooLarge: If it has more than `max_bytes`.
        OSError: If it cannot be read.
    """
    with file.open("rb") as opened:
        size = os.fstat(opened.fileno()).st_size
        payload = opened.read(max_bytes + 1) if size <= max_bytes else b""
    if size > max_bytes or len(payload) > max_bytes:
        has = f"{size:,}" if size > max_bytes else f"more than {max_bytes:,}"
        raise too_large(has, max_bytes)
    return payload


def too_large(has: str, max_bytes: int) -> PayloadTooLarge:
    """Return the error of a file that has so many bytes."""
    return PayloadTooLarge(f"The file has {has} bytes; at most {max_bytes:,} are read (MIEN_MAX_IMAGE_BYTES).")


def told(error: Exception) -> dict[str, str]:
    """Describe a failure with a stable code and a text."""
    if isinstance(error, MemoryError):
        error = OutOfMemory("There was not enough memory for this picture.")
    if isinstance(error, MienError):
        return {"code": error.code, "detail": str(error)}
    if isinstance(error, OSError):
        return {"code": "file_error", "detail": error.strerror or "cannot be read"}
    return {"code": MienError.code, "detail": f"{type(error).__name__}: {error}"}


@contextmanager
def open_answers(path: Path | None) -> Iterator[tuple[IO[str], bool]]:
    """Open a new file for the answers, and say whether it is CSV; None: standard output, which is not.

    Raises:
        OSError: If it cannot be made.
    """
    if path is None:
        yield sys.stdout, False
        return
    with path.open("x", newline="", encoding="utf-8") as file:
        yield file, is_csv(path)


def prepare_folder(folder: Path) -> None:
    """Make the folder for annotated pictures and see that it can be written.

    Raises:
        InvalidRequest: If that is not so.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = unused(folder, ".mien")
        probe.touch(exist_ok=False)
        probe.unlink()
    except OSError as error:
        raise InvalidRequest(f"No pictures can be written into {folder}: {error.strerror}.") from error


def unused(folder: Path, stem: str) -> Path:
    """Return a path for a PNG that overwrites nothing, even when pictures from several folders share a name."""
    names: Iterator[str] = itertools.chain([f"{stem}.png"], (f"{stem}-{n}.png" for n in itertools.count(2)))
    return next(path for path in (folder / name for name in names) if not path.exists())
