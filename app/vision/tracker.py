"""Follows faces over the frames of a stream: ByteTrack, led by the clock instead of by the count of frames."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from app.vision.types import Detection
from app.vision.ultralytics_door import BYTETracker, TrackState

LOST_S = 1.5
"""A face that is hidden for longer gets a new id."""

TICKS_PER_SECOND = 60
"""ByteTrack's own step; between two frames it predicts as many steps as time has passed."""

LOST_TICKS = round(LOST_S * TICKS_PER_SECOND)

HIDDEN_COST = 0.1
"""What a hidden track pays beside a visible one, in overlap: who hides another face must not be taken for it."""

BYTETRACK = SimpleNamespace(
    track_high_thresh=0.0,  # Every face has passed the detector's threshold already: all count in full,
    track_low_thresh=0.0,  # none is a second choice,
    new_track_thresh=0.0,  # and each begins a track.
    track_buffer=LOST_TICKS,
    match_thresh=0.9,  # Overlap (IoU) with the predicted box of at least 0.1.
    fuse_score=False,
)


@dataclass(frozen=True)
class _Boxes:
    """Detections as ultralytics' trackers read them: xywh from the centre (N, 4), conf (N,), cls (N,)."""

    xywh: npt.NDArray[np.float64]
    conf: npt.NDArray[np.float64]
    cls: npt.NDArray[np.float64]

    @classmethod
    def of(cls, detections: Sequence[Detection]) -> "_Boxes":
        xyxy = np.array([each.xyxy for each in detections], dtype=np.float64).reshape(-1, 4)
        xywh = np.concatenate([(xyxy[:, :2] + xyxy[:, 2:]) / 2, xyxy[:, 2:] - xyxy[:, :2]], axis=1)
        return cls(xywh, np.array([each.score for each in detections]), np.zeros(len(detections)))

    def __len__(self) -> int:
        return len(self.conf)

    def __getitem__(self, mask: npt.NDArray[np.bool_]) -> "_Boxes":
        return _Boxes(self.xywh[mask], self.conf[mask], self.cls[mask])


class FaceTracker(BYTETracker):
    """Gives the same face the same id over the frames of one stream.

    ByteTrack counts frames: one step of its Kalman filter each, and lost tracks end after a number of frames. Frames of
    a stream come at irregular times and are dropped, so here a step is 1/60 s: as many are predicted as have passed.
    A new track counts at once, since its id is given out at once. A hidden face is kept for its whole time, also where
    ByteTrack would take it for a double of the face that hides it. While a face disappears behind another its box
    shrinks and seems to stand still, so that its way is predicted wrongly: a face that comes back near the place where
    one was last seen is taken for it.

    References:
        Zhang et al. 2022, "ByteTrack: Multi-Object Tracking by Associating Every Detection Box", arXiv:2110.06864.
    """

    frame_id: int
    lost_stracks: list[Any]

    def __init__(self) -> None:
        super().__init__(BYTETRACK)
        self._began_s: float | None = None
        self._steps = 1
        self._last_seen: dict[int, tuple[int, Detection]] = {}

    def track(self, detections: Sequence[Detection], at_s: float) -> list[int | None]:
        """Take the next frame.

        Args:
            detections: The faces in it.
            at_s: When it was taken, in seconds of any clock that does not run backwards.

        Returns:
            An id from 1 for each detection; None in the rare case that ByteTrack takes two tracks for one face.
        """
        if self._began_s is None:
            self._began_s = at_s
        tick = max(self.frame_id + 1, 1 + round((at_s - self._began_s) * TICKS_PER_SECOND))
        self._steps = min(tick - self.frame_id, LOST_TICKS)
        self.frame_id = tick - 1  # `update` adds one
        known = [*self.tracked_stracks, *self.lost_stracks]
        self.update(_Boxes.of(detections))
        self.lost_stracks = [
            track for track in known if track.state == TrackState.Lost and tick - track.end_frame <= LOST_TICKS
        ]
        self._last_seen = {track.track_id: self._last_seen[track.track_id] for track in self.lost_stracks}
        seen = [track for track in self.tracked_stracks if track.frame_id == tick]
        self._recognise([track for track in seen if track.start_frame == tick], detections)
        ids: list[int | None] = [None] * len(detections)
        for track in seen:
            track.is_activated = True
            ids[int(track.idx)] = track.track_id
            self._last_seen[track.track_id] = tick, detections[int(track.idx)]
        return ids

    def _recognise(self, born: list[Any], detections: Sequence[Detection]) -> None:
        """Give new tracks the ids of hidden ones that were last seen within reach, the nearest first."""
        pairs = [
            (self._reach(hidden.track_id, detections[int(new.idx)]), place, new, hidden)
            for place, (new, hidden) in enumerate(itertools.product(born, self.lost_stracks))
        ]
        taken = set()
        for reach, _, new, hidden in sorted(pairs):
            if reach <= 1 and not {id(new), id(hidden)} & taken:
                taken |= {id(new), id(hidden)}
                new.track_id = hidden.track_id
        self.lost_stracks = [track for track in self.lost_stracks if id(track) not in taken]

    def _reach(self, track: int, detection: Detection) -> float:
        """Return how far off a hidden face was last seen: 1 is one face, and one more for each second since."""
        tick, last = self._last_seen[track]
        hidden_s = (self.frame_id - tick) / TICKS_PER_SECOND
        size_px = max(last.longer_side_px, detection.longer_side_px)
        return math.dist(last.centre, detection.centre) / (size_px * (1 + hidden_s))

    def get_dists(self, tracks: list[Any], detections: list[Any]) -> npt.NDArray[np.float32]:
        """Return the cost of each track (rows) for each detection; called by `update`."""
        hidden = np.array([track.state == TrackState.Lost for track in tracks], dtype=np.float32)
        costs: npt.NDArray[np.float32] = super().get_dists(tracks, detections)
        return costs + HIDDEN_COST * hidden[:, None]

    def multi_predict(self, tracks: list[Any]) -> None:
        """Predict where the tracks are now; called by `update`."""
        for _ in range(self._steps):
            super().multi_predict(tracks)
