"""Links the frames of one stream: track ids and smoothed probabilities for the faces in each."""

from dataclasses import replace

from app.faces.types import Detection, Face, ImageFaces
from app.tracks.cuts import CutDetector, Gray
from app.tracks.smoothing import ProbabilitySmoother
from app.tracks.tracker import LOST_S, FaceTracker


class LiveFaces:
    """What one stream remembers of its faces; not thread-safe.

    Args:
        tracking: Whether faces get ids; without them nothing is smoothed.
        smoothing_s: Time constant of the smoothing in seconds; 0 for none.
    """

    def __init__(self, tracking: bool, smoothing_s: float) -> None:
        self._tracker = FaceTracker() if tracking else None
        self._smoother = ProbabilitySmoother(smoothing_s, LOST_S) if tracking and smoothing_s > 0 else None
        self._cuts = CutDetector()
        self._side_px = 0

    def forget(self) -> None:
        """Begin anew, as at a cut: all faces that come are new, with ids never used before."""
        self._cuts = CutDetector()
        if self._tracker is not None:
            self._tracker.forget()

    def follow(self, found: ImageFaces, at_s: float, small: Gray | None = None) -> ImageFaces:
        """Take the answer for the next frame; at a cut all faces are new.

        Args:
            found: What was found in the frame alone.
            at_s: When it was taken, in seconds.
            small: A small gray copy of it, from `app.tracks.cuts.small_gray`; without one no cut is seen.

        Returns:
            The same faces in the same order with their ids, and with smoothed probabilities beside the raw ones.
        """
        if self._tracker is None:
            return found
        if small is not None and self._cuts.is_cut(small, found):
            self._tracker.forget()
        if self._smoother is not None:
            self._smoother.forget_unseen(at_s)
        ids = self._tracker.track(self._in_pixels_of_the_first(found), at_s)
        faces = tuple(self._join(face, track, at_s) for face, track in zip(found.faces, ids, strict=True))
        return replace(found, faces=faces)

    def _in_pixels_of_the_first(self, found: ImageFaces) -> list[Detection]:
        """Scale the boxes as if each frame had the first one's longer side: later frames may be smaller."""
        side_px = max(found.width, found.height)
        self._side_px = self._side_px or side_px
        scale = self._side_px / side_px
        return [face.detection.scaled(scale, scale) for face in found.faces]

    def _join(self, face: Face, track: int, at_s: float) -> Face:
        if self._smoother is None:
            return replace(face, track_id=track)
        answers = {
            attribute: replace(
                answer,
                probabilities=self._smoother.smooth((track, attribute), answer.probabilities, at_s),
                raw_probabilities=answer.probabilities,
            )
            for attribute, answer in face.answers.items()
        }
        return replace(face, track_id=track, answers=answers)
