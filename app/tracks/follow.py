"""Links the frames of one stream: track ids and smoothed probabilities for the faces in each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from app.faces.types import Answer, Box, Crop, Detection, Face, Guide, ImageFaces, Known
from app.pictures.types import Picture
from app.tracks.cuts import CutDetector, Gray, small_gray
from app.tracks.guided import SearchPlan
from app.tracks.smoothing import ProbabilitySmoother
from app.tracks.tracker import LOST_S, FaceTracker

KEPT_S = 0.2
"""Probabilities of a face that hardly changes are kept for so long."""

UNSURE_S = 1.0
"""So long all of each frame is searched once a face has come or gone whose score is near the least one, unless it is
surely found soon: small and blurred faces are found in one frame and not in the next."""


@dataclass(frozen=True, eq=False)
class _Seen:
    """A face of the last frame.

    Attributes:
        detection: In pixels as if the frame had the first one's longer side.
        answers: Of this frame alone, not smoothed.
        searched: Its crop when it was last searched for.
        classified: Its crop when it was last classified.
        classified_s: When that was.
        sure: As in `Trace`.
    """

    detection: Detection
    answers: Mapping[str, Answer]
    searched: Crop
    classified: Crop
    classified_s: float
    sure: bool


class LiveFaces:
    """What one stream remembers of its faces; not thread-safe.

    For each frame `plan` comes first, then `follow` with what was found.

    Args:
        tracking: Whether faces get ids; without them nothing is smoothed.
        smoothing_s: Time constant of the smoothing in seconds; 0 for none.
        search_every_s: How often at least a whole frame is searched, and otherwise around known faces; 0 for always.
        phase: As in `SearchPlan`.
    """

    def __init__(self, tracking: bool, smoothing_s: float, search_every_s: float = 0.0, phase: float = 0.0) -> None:
        self._tracker = FaceTracker() if tracking else None
        self._smoother = ProbabilitySmoother(smoothing_s, LOST_S) if tracking and smoothing_s > 0 else None
        self._searches = SearchPlan(search_every_s, phase) if tracking and search_every_s > 0 else None
        self._cuts = CutDetector()
        self._small: Gray | None = None
        self._size: tuple[int, ...] = ()
        self._seen: dict[int, _Seen] = {}
        self._unsure: dict[int, float] = {}  # when such a face came or went
        self._side_px = 0

    def forget(self) -> None:
        """Begin anew, as at a cut: all faces that come are new, with ids never used before."""
        self._cuts = CutDetector()
        self._forget_faces()
        if self._searches is not None:
            self._searches.forget()

    @property
    def is_guided(self) -> bool:
        """Whether most frames are searched around known faces alone."""
        return self._searches is not None

    def plan(self, picture: Picture, at_s: float) -> Guide | None:
        """Look at the next frame before it is searched.

        Args:
            picture: The frame.
            at_s: When it was taken, in seconds.

        Returns:
            How to search it; None if all frames are searched as a whole.
        """
        self._small, self._size = small_gray(picture.image), (picture.height, picture.width)
        may_be_cut = self._cuts.compare(self._small)
        if self._searches is None:
            return None
        known = self._known(picture, at_s)
        if known is None:
            return Guide(whole=True)
        faces = [_in_shares(each.expected, picture) for each in known]
        why = self._searches.why_whole(self._small, self._size, at_s, faces, may_be_cut, bool(self._unsure))
        if why in ("begin", "size", "cut"):
            return Guide(whole=True)
        changed = any(each.detection.rotation_deg for each in known) or self._searches.changed_since(self._small)
        return Guide(why is not None, tuple(known), changed)

    def follow(self, found: ImageFaces, at_s: float) -> ImageFaces:
        """Take the answer for the frame that was planned; at a cut all faces are new.

        Args:
            found: What was found in the frame.
            at_s: When it was taken, in seconds.

        Returns:
            The same faces in the same order with their ids, and with smoothed probabilities beside the raw ones.
        """
        if self._tracker is None:
            return found
        if self._cuts.is_cut(found):
            self._forget_faces()
        if self._searches is not None and self._small is not None and found.search == "whole":
            self._searches.searched(self._small, self._size, at_s)
        if self._smoother is not None:
            self._smoother.forget_unseen(at_s)
        detections = self._in_pixels_of_the_first(found)
        ids = self._tracker.track(detections, at_s)
        self._remember(found, detections, ids, at_s)
        faces = tuple(self._join(face, track, at_s) for face, track in zip(found.faces, ids, strict=True))
        return replace(found, faces=faces)

    def _forget_faces(self) -> None:
        self._seen, self._unsure = {}, {}
        if self._tracker is not None:
            self._tracker.forget()

    def _known(self, picture: Picture, at_s: float) -> list[Known] | None:
        """Return the faces of the last frame, and where they are expected in this one; None if one has no trace."""
        high, wide = picture.image.shape[:2]
        scale = max(picture.width, picture.height) / (self._side_px or 1)  # first to the original's pixels
        across, down = scale * wide / picture.width, scale * high / picture.height
        known = []
        for track, (x, y) in self._tracker.expected(at_s).items() if self._tracker is not None else ():
            if (seen := self._seen.get(track)) is None:
                return None
            detection = seen.detection.scaled(across, down)
            fresh = 0 <= at_s - seen.classified_s <= KEPT_S
            expected = _moved_to(detection, x * across, y * down)
            known.append(Known(detection, expected, seen.answers, seen.searched, seen.classified, fresh))
        return known

    def _remember(self, found: ImageFaces, detections: Sequence[Detection], ids: Sequence[int], at_s: float) -> None:
        """Keep what the next frame needs to know of this one's faces, and which of them the detector is not sure of."""
        before = self._seen
        self._seen = {
            track: seen
            for face, detection, track in zip(found.faces, detections, ids, strict=True)
            if (seen := self._remembered(face, detection, before.get(track), at_s)) is not None
        }
        either = before | self._seen
        for track in before.keys() ^ self._seen.keys():
            if not either[track].sure:
                self._unsure[track] = at_s
        sure = {track for track, seen in self._seen.items() if seen.sure}
        self._unsure = {
            track: since_s
            for track, since_s in self._unsure.items()
            if 0 <= at_s - since_s < UNSURE_S and track not in sure
        }

    def _remembered(self, face: Face, detection: Detection, before: _Seen | None, at_s: float) -> _Seen | None:
        """Return what is known of a face for the next frame; its crops and times from before if it was kept."""
        trace = face.trace
        if trace is None:
            return None
        searched = trace.crop if trace.searched or before is None else before.searched
        if trace.classified or before is None:
            return _Seen(detection, face.answers, searched, trace.crop, at_s, trace.sure)
        return _Seen(detection, before.answers, searched, before.classified, before.classified_s, trace.sure)

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


def _moved_to(detection: Detection, x: float, y: float) -> Box:
    """Return the box of a face once its middle is at (x, y)."""
    left, top, right, bottom = detection.xyxy
    across, down = (right - left) / 2, (bottom - top) / 2
    return x - across, y - down, x + across, y + down


def _in_shares(box: Box, picture: Picture) -> Box:
    height, width = picture.image.shape[:2]
    left, top, right, bottom = box
    return left / width, top / height, right / width, bottom / height
