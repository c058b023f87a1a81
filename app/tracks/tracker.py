"""Follows faces across the frames of a stream, by the seconds that pass between them."""

from collections.abc import Sequence

import lap
import numpy as np
import numpy.typing as npt

from app.faces.overlap import overlaps
from app.faces.types import Detection
from app.tracks.motion import Floats, Tracks, Whole

LOST_S = 1.5
"""A face that is hidden for longer gets a new id."""

MOST_HIDDEN = 300
"""So many hidden faces are remembered, those seen last: what a frame costs is bounded."""

LEAST_OVERLAP = 0.05
"""A face overlaps the place where it was expected by at least this much (IoU)."""

HIDDEN_COST = 0.1
"""What a hidden face pays beside a visible one, in overlap: who hides another face must not be taken for it."""


class FaceTracker:
    """Gives the same face the same id across the frames of one stream; ids are never used again.

    A frame's faces are first matched to the known ones by overlap with where these are expected, the best total first.
    While a face disappears behind another, its box shrinks and seems to stand still, so its path is predicted wrongly.
    Therefore a face that fits none is then taken for a hidden one within reach. All other faces are new. No face is
    dropped because another is at its place: one hides the other.

    References:
        Zhang et al. 2022, ByteTrack, arXiv:2110.06864, section 3: lost tracks are kept and matched again. Its second
        round for low scores is left out: every face here has passed the detector's threshold.
    """

    def __init__(self) -> None:
        self.forget()
        self._at_s: float | None = None
        self._given = 0

    def forget(self) -> None:
        """Take all faces that come for new ones."""
        self._tracks = Tracks.begin(np.zeros(0, np.int64), np.zeros((0, 4)))

    def expected(self, at_s: float) -> dict[int, tuple[float, float]]:
        """Return where the middle of each face of the last frame is expected at a time, (x, y) by its id."""
        if len(self._tracks) == 0:
            return {}
        known = self._tracks[~self._tracks.hidden]
        known = known.later(max(0.0, at_s - self._at_s) if self._at_s is not None else 0.0)
        return {int(each): (float(x), float(y)) for each, (x, y) in zip(known.ids, known.centres, strict=True)}

    def track(self, detections: Sequence[Detection], at_s: float) -> list[int]:
        """Take the next frame.

        Args:
            detections: The faces in it, with sides above 0.
            at_s: When it was taken, in seconds of any clock; if that runs backwards, no time has passed.

        Returns:
            An id from 1 for each detection.
        """
        passed_s = 0.0 if self._at_s is None else max(0.0, at_s - self._at_s)
        self._at_s = at_s
        if not detections and len(self._tracks) == 0:  # most frames of a camera; all this on nothing takes 1 ms
            return []
        known = self._tracks.later(passed_s)
        known = known[~known.hidden | (known.unseen_s <= LOST_S)]
        xyxy = np.array([each.xyxy for each in detections], dtype=np.float64).reshape(-1, 4)
        boxes = np.concatenate([(xyxy[:, :2] + xyxy[:, 2:]) / 2, xyxy[:, 2:] - xyxy[:, :2]], axis=1)
        ids = np.zeros(len(boxes), np.int64)

        rows, columns = _match(1 - _overlap(known, boxes) + HIDDEN_COST * known.hidden[:, None], 1 - LEAST_OVERLAP)
        ids[columns] = known.ids[rows]
        seen, hidden = known[rows].seen(boxes[columns]), known.without(rows)
        hidden = hidden[hidden.unseen_s <= LOST_S]

        rest = np.flatnonzero(ids == 0)
        rows, columns = _match(_reach(hidden, boxes[rest]), 1)
        ids[rest[columns]] = hidden.ids[rows]
        hidden = hidden.without(rows)

        born = np.flatnonzero(ids == 0)
        ids[born] = self._given + 1 + np.arange(len(born))
        self._given += len(born)
        hidden = hidden[np.argsort(hidden.unseen_s, kind="stable")[:MOST_HIDDEN]]
        hidden.hidden[:] = True
        self._tracks = seen.and_all(Tracks.begin(ids[rest], boxes[rest]), hidden)
        return [int(each) for each in ids]


def _edges(boxes: Floats) -> npt.NDArray[np.float32]:
    """Return left, top, right and bottom (N, 4) of boxes given by centre and size (N, 4)."""
    half = boxes[:, 2:] / 2
    return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1).astype(np.float32)


def _overlap(known: Tracks, boxes: Floats) -> npt.NDArray[np.float32]:
    """Return the IoU (T, N) of each known face, where it is expected, with each box."""
    expected = np.concatenate([known.centres, known.boxes[:, 2:]], axis=1)
    shares: npt.NDArray[np.float32] = overlaps(_edges(expected), _edges(boxes))
    return shares


def _reach(hidden: Tracks, boxes: Floats) -> npt.NDArray[np.float32]:
    """Return how far (T, N) each box is from where a hidden face was last seen or is expected, whichever is nearer.

    1 is one side of the larger of both faces, plus one for each second since.
    """
    before, expected, now = (each.astype(np.float32) for each in (hidden.boxes, hidden.centres, boxes))
    squares = (
        (places[:, None, 0] - now[:, 0]) ** 2 + (places[:, None, 1] - now[:, 1]) ** 2 for places in (before, expected)
    )
    sides = np.maximum(before[:, 2:].max(axis=1)[:, None], now[:, 2:].max(axis=1))
    sides = np.maximum(sides, np.finfo(np.float32).tiny)
    growth = (1 + hidden.unseen_s).astype(np.float32)
    reach: npt.NDArray[np.float32] = np.sqrt(np.minimum(*squares)) / (sides * growth[:, None])
    return reach


def _match(costs: npt.NDArray[np.floating], limit: float) -> tuple[Whole, Whole]:
    """Return the rows and columns whose pairing costs the least in all, each pair less than the limit.

    A pair at the limit is as good as none, and so is one whose cost is no number. Costs are cut there, which is much
    faster than the solver's own limit.

    References:
        Bewley et al. 2016, SORT, arXiv:1602.00763, section 3.3: the assignment by overlap.
    """
    if not costs.size:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    turned = costs.shape[0] > costs.shape[1]  # The solver is slow unless columns outnumber rows.
    cut = np.ascontiguousarray(np.fmin(costs.T if turned else costs, limit, dtype=np.float64))
    columns = lap.lapjv(cut, extend_cost=True, return_cost=False)[0].astype(np.int64)
    rows = np.arange(len(cut))
    paired = cut[rows, columns] < limit
    rows, columns = rows[paired], columns[paired]
    return (columns, rows) if turned else (rows, columns)
