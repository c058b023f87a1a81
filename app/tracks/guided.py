"""When a frame of a stream is searched as a whole, and when only around the faces that are known."""

from collections.abc import Sequence
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from app.faces.canvas import MOST_WINDOWS
from app.faces.types import Box
from app.tracks.cuts import SMALL_HEIGHT_PX, SMALL_WIDTH_PX, Gray

CHANGED = 8.0
"""Difference, in gray levels on average over 3 x 3 pixels of the small pictures, from which on something has changed
there: a face of a twentieth of the picture's width that comes makes a larger one, a camera's noise a smaller."""

AT_REST = 3.0
"""The same bound for a picture in which nothing at all happens: noise stays below it, a face of a sixtieth of the width
that comes does not."""

REST_TIMES = 4
"""A picture at rest is searched as a whole so many times less often."""

CHANGE_WAIT_S = 0.3
"""Where changes go on, they bring a search of the whole picture no sooner after the last: each frame changes there."""

BESIDE, BELOW = 1.0, 1.5
"""What moves around a face, in face sides: hair and hands beside it, and shoulders, twice as wide, below it."""

Reason = Literal["begin", "size", "cut", "crowd", "unsure", "time", "change"]
"""Why a frame is searched as a whole."""


class SearchPlan:
    """Decides for one stream; pure but for its memory of the last whole search.

    Args:
        every_s: A whole search comes at least so often, in seconds, unless the picture is at rest; above 0.
        phase: Of the grid of times at which it comes, 0..1 of the time between two: streams with different phases do
            not search at the same time.
    """

    def __init__(self, every_s: float, phase: float = 0.0) -> None:
        self._every_s, self._phase = every_s, phase
        self._last: Gray | None = None
        self._last_s = self._now_s = 0.0
        self._size: tuple[int, ...] = ()
        self._changes = self._changed_before = False  # now, and at the last whole search: since the one before it

    def forget(self) -> None:
        """Begin anew."""
        self._last = None

    def why_whole(
        self, small: Gray, size: tuple[int, ...], at_s: float, faces: Sequence[Box], may_be_cut: bool, unsure: bool
    ) -> Reason | None:
        """Say why the next frame must be searched as a whole; None if it need not.

        Args:
            small: From `app.tracks.cuts.small_gray`.
            size: Height and width of the frame in pixels.
            at_s: When it was taken, in seconds.
            faces: The boxes of the faces known, in shares of the frame's sides.
            may_be_cut: From `app.tracks.cuts.CutDetector.compare`.
            unsure: Whether faces come and go whose scores are near the least one.
        """
        went_back, self._now_s = at_s < self._now_s, at_s
        passed_s = at_s - self._last_s
        self._changes = False
        if self._last is None or went_back:
            return "begin"
        if size != self._size:
            return "size"
        if may_be_cut:
            return "cut"
        if len(faces) > MOST_WINDOWS:
            return "crowd"
        self._changes = has_changed(self._last, small, faces)
        if unsure and has_changed(self._last, small, (), AT_REST):
            return "unsure"
        if self._is_due(at_s, self._every_s) and (
            self._is_due(at_s, REST_TIMES * self._every_s) or has_changed(self._last, small, (), AT_REST)
        ):
            return "time"
        if self._changes and (passed_s >= CHANGE_WAIT_S or not self._changed_before):
            return "change"
        return None

    def changed_since(self, small: Gray) -> bool:
        """Whether anything differs from the frame that was last searched as a whole."""
        return self._last is None or has_changed(self._last, small, ())

    def searched(self, small: Gray, size: tuple[int, ...], at_s: float) -> None:
        """Take note that a frame was searched as a whole; arguments as of `why_whole`."""
        self._last, self._size, self._last_s = small, size, at_s
        self._changed_before = self._changes

    def _is_due(self, at_s: float, period_s: float) -> bool:
        """Whether a search is due that comes once in a period, on the grid of the phase."""
        passed_s = at_s - self._last_s
        before, now = ((each - self._phase * period_s) // period_s for each in (self._last_s, at_s))
        return passed_s >= period_s or (passed_s >= period_s / 2 and before != now)


def has_changed(before: Gray, now: Gray, faces: Sequence[Box], bound: float = CHANGED) -> bool:
    """Whether something has changed where no known face is; that all becomes lighter or darker is no change.

    Args:
        before: From `app.tracks.cuts.small_gray`.
        now: The same.
        faces: As in `SearchPlan.why_whole`.
        bound: From which difference on, as `CHANGED`.
    """
    one, other = before.astype(np.float32), now.astype(np.float32)
    difference = np.abs((other - np.median(other)) - (one - np.median(one)))
    difference[_around(faces)] = 0
    return bool(cv2.blur(difference, (3, 3)).max() >= bound)


def _around(faces: Sequence[Box]) -> npt.NDArray[np.bool_]:
    """Return which pixels of the small picture show known faces and what moves with them."""
    covered = np.zeros((SMALL_HEIGHT_PX, SMALL_WIDTH_PX), np.bool_)
    for left, top, right, bottom in faces:
        wide, high = right - left, bottom - top
        for x0, y0, x1, y1 in (
            (left - BESIDE * wide, top - BESIDE * high, right + BESIDE * wide, bottom + BESIDE * high),
            (left - BELOW * wide, bottom, right + BELOW * wide, 1.0),
        ):
            columns = slice(max(0, int(x0 * SMALL_WIDTH_PX)), max(0, int(np.ceil(x1 * SMALL_WIDTH_PX))))
            rows = slice(max(0, int(y0 * SMALL_HEIGHT_PX)), max(0, int(np.ceil(y1 * SMALL_HEIGHT_PX))))
            covered[rows, columns] = True
    return covered
