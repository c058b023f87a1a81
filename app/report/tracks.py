"""The faces of a film or camera over time, in a size that does not grow with the recording."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from operator import itemgetter

import numpy as np
from PIL import Image as Pillow

from app.faces.annotate import jpeg_of
from app.faces.types import Detection, Face
from app.manifest import EMOTION, LABELS
from app.pictures.types import Image

COLUMNS = 480
"""At most so many means over time a face; when they are full, two each become one."""
FIRST_COLUMN_S = 1 / 16
MOST_FACES = 200
FORGOTTEN_AFTER_S = 60.0
"""Of more faces, those seen in the fewest frames are only counted, once they were away so long."""
THUMB_PX, THUMB_QUALITY = 96, 85
BETTER = 1.5
"""A face so much larger than before gives a better small picture."""


@dataclass
class Track:
    """One face.

    Attributes:
        number: Its id in the rows; None for all faces of a film that were not followed.
        first_s: When it was first seen.
        last_s: When it was last seen.
        frames: In how many frames.
        strongest: In how many frames each expression was the most probable one.
        unclear: In how many frames the answer was unclear.
        columns: Column of time -> number of frames and the sums of their probabilities.
        sums: What else was asked, such as `gender` -> label -> the sum of its probabilities over the frames.
        thumb: A small picture (JPEG) if pictures are kept.
        area: Of the face in it, in square pixels.
    """

    number: int | None
    first_s: float
    last_s: float = 0.0
    frames: int = 0
    unclear: int = 0
    strongest: Counter[str] = field(default_factory=Counter)
    columns: dict[int, np.ndarray] = field(default_factory=dict)
    sums: dict[str, dict[str, float]] = field(default_factory=dict)
    thumb: bytes = b""
    area: float = 0.0

    @property
    def shares(self) -> dict[str, float]:
        """The mean share of each expression."""
        return shares_of(sum(self.columns.values(), np.zeros(1 + len(LABELS))))

    @property
    def further(self) -> dict[str, tuple[str, float]]:
        """What else was asked, such as `gender` -> the label that is the likeliest in the mean, and its mean share."""
        return {
            attribute: max(((label, total / sum(sums.values())) for label, total in sums.items()), key=itemgetter(1))
            for attribute, sums in self.sums.items()
        }


def shares_of(sums: np.ndarray) -> dict[str, float]:
    """Return means from a number of frames and the sums of their probabilities, shape (6,)."""
    return dict(zip(LABELS, (sums[1:] / max(sums[0], 1)).tolist(), strict=True))


class Tracks:
    """Gathers the faces of frames, in order of time.

    Args:
        with_pictures: Whether a small picture of each face is kept.
    """

    def __init__(self, with_pictures: bool = False) -> None:
        self._with_pictures = with_pictures
        self._tracks: dict[int | None, Track] = {}
        self._sums = np.zeros(1 + len(LABELS))
        self.column_s = FIRST_COLUMN_S
        self.frames = self.left_out = 0
        self.to_s = 0.0

    @property
    def list(self) -> list[Track]:
        """Those that are kept, by number."""
        return sorted(self._tracks.values(), key=lambda track: track.number or 0)

    @property
    def attributes(self) -> tuple[str, ...]:
        """What else was asked of the faces, such as `gender`."""
        return tuple(dict.fromkeys(attribute for track in self.list for attribute in track.sums))

    @property
    def shares(self) -> dict[str, float]:
        """The mean share of each expression over all faces of all frames."""
        return shares_of(self._sums)

    def add(self, time_s: float, faces: Iterable[Face], image: Image) -> None:
        """Add the faces of a frame.

        Args:
            time_s: Seconds from the beginning.
            faces: With their ids.
            image: RGB, uint8, shape (H, W, 3).
        """
        self.frames += 1
        self.to_s = max(self.to_s, time_s)
        while time_s >= COLUMNS * self.column_s:
            self._halve()
        for face in faces:
            track = self._tracks.setdefault(face.track_id, Track(face.track_id, time_s))
            self._count(track, time_s, face)
            if self._with_pictures and face.track_id is not None and face.detection.area > track.area * BETTER:
                track.thumb, track.area = thumb_of(image, face.detection), face.detection.area
        if len(self._tracks) > 2 * MOST_FACES:
            self._forget(time_s)

    def _count(self, track: Track, time_s: float, face: Face) -> None:
        answer = face.answers[EMOTION]
        sums = np.array((1.0, *answer.probabilities))
        column = int(max(0.0, time_s) / self.column_s)
        track.columns[column] = track.columns.get(column, 0) + sums
        track.last_s = time_s
        track.frames += 1
        track.strongest[answer.best[0]] += 1
        track.unclear += answer.unclear
        self._sums += sums
        if face.track_id is None:
            return  # a label of several people together would say nothing
        for attribute, said in face.answers.items():
            if attribute != EMOTION:
                totals = track.sums.setdefault(attribute, dict.fromkeys(said.labels, 0.0))
                for label, share in zip(said.labels, said.probabilities, strict=True):
                    totals[label] += share

    def _halve(self) -> None:
        self.column_s *= 2
        for track in self._tracks.values():
            halved: dict[int, np.ndarray] = {}
            for column, sums in track.columns.items():
                halved[column // 2] = halved.get(column // 2, 0) + sums
            track.columns = halved

    def _forget(self, now_s: float) -> None:
        gone = [track for track in self._tracks.values() if now_s - track.last_s > FORGOTTEN_AFTER_S]
        gone.sort(key=lambda track: track.frames)
        for track in gone[: len(self._tracks) - MOST_FACES]:
            del self._tracks[track.number]
            self.left_out += 1


def thumb_of(image: Image, detection: Detection) -> bytes:
    """Cut out a face with a little around it, as a small JPEG."""
    side = detection.longer_side_px * 1.2
    x, y = detection.centre
    square = tuple(round(each) for each in (x - side / 2, y - side / 2, x + side / 2, y + side / 2))
    face = Pillow.fromarray(image).crop(
        (square[0], square[1], max(square[2], square[0] + 1), max(square[3], square[1] + 1))
    )
    return jpeg_of(face.resize((THUMB_PX, THUMB_PX)), THUMB_QUALITY)
