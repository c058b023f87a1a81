"""Tracks faces across the frames of a stream: ByteTrack, driven by time instead of frame counts."""

import itertools
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from app.faces.types import Detection
from app.runtimes.torch.ultralytics_door import BYTETracker, TrackState

LOST_S = 1.5
"""A face that is hidden for longer gets a new id."""

TICKS_PER_SECOND = 60
"""ByteTrack's own step; between two frames it predicts as many steps as time has passed."""

MOST_STEPS = round(LOST_S * TICKS_PER_SECOND)
"""After a longer pause of the stream nothing is known of the motion."""

HIDDEN_COST = 0.1
"""What a hidden track pays beside a visible one, in overlap: who hides another face must not be taken for it."""

BYTETRACK = SimpleNamespace(
    track_high_thresh=0.0,  # Every face has passed the detector's threshold already: all count in full,
    track_low_thresh=0.0,  # none is a second choice,
    new_track_thresh=0.0,  # and each begins a track.
    track_buffer=sys.maxsize,  # Frames until a lost track ends; here seconds end it.
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
    """Gives the same face the same id across the frames of one stream.

    ByteTrack counts frames: each is one step of its Kalman filter, and lost tracks expire after a number of frames.
    Frames of a stream arrive irregularly and are dropped, so here a step is 1/60 s: as many steps are predicted as have
    passed, none between two frames in the same step; and lost tracks expire after seconds. A new track counts at once,
    since its id is assigned at once. Of two tracks at one place ByteTrack drops the younger; here both stay, because
    one face hides the other. While a face disappears behind another, its box shrinks and seems to stand still, so its
    path is predicted wrongly: a face that reappears near where one was last seen is taken for it.

    References:
        Zhang et al. 2022, "ByteTrack: Multi-Object Tracking by Associating Every Detection Box", arXiv:2110.06864.
    """

    tracked_stracks: list[Any]
    lost_stracks: list[Any]

    def __init__(self) -> None:
        super().__init__(BYTETRACK)
        self._began_s: float | None = None
        self._tick = 0
        self._steps = 0
        self._candidates: list[Any] = []
        self._last_seen: dict[int, tuple[float, Detection]] = {}

    def track(self, detections: Sequence[Detection], at_s: float) -> list[int]:
        """Take the next frame.

        Args:
            detections: The faces in it, with sides above 0.
            at_s: When it was taken, in seconds of any clock that does not run backwards.

        Returns:
            An id from 1 for each detection.
        """
        self._began_s = at_s if self._began_s is None else self._began_s
        tick = round((at_s - self._began_s) * TICKS_PER_SECOND)
        self._steps, self._tick = min(tick - self._tick, MOST_STEPS), tick
        self.lost_stracks = self._hidden(self.lost_stracks, at_s)
        known, self._candidates = [*self.tracked_stracks, *self.lost_stracks], []
        self.update(_Boxes.of(detections))
        self.lost_stracks = self._hidden(known, at_s)
        self.tracked_stracks = [track for track in (*known, *self._candidates) if track.state == TrackState.Tracked]
        self._last_seen = {track.track_id: self._last_seen[track.track_id] for track in self.lost_stracks}
        self._recognise([track for track in self._candidates if track.state == TrackState.Tracked], detections, at_s)
        ids = [0] * len(detections)
        for track in self.tracked_stracks:
            track.is_activated = True
            ids[int(track.idx)] = track.track_id
            self._last_seen[track.track_id] = at_s, detections[int(track.idx)]
        return ids

    def _hidden(self, tracks: list[Any], at_s: float) -> list[Any]:
        """Return the lost tracks among those seen recently."""
        return [
            track
            for track in tracks
            if track.state == TrackState.Lost and at_s - self._last_seen[track.track_id][0] <= LOST_S
        ]

    def _recognise(self, born: list[Any], detections: Sequence[Detection], at_s: float) -> None:
        """Give new tracks the ids of hidden ones last seen within reach, nearest first."""
        pairs = [
            (self._reach(hidden.track_id, detections[int(new.idx)], at_s), place, new, hidden)
            for place, (new, hidden) in enumerate(itertools.product(born, self.lost_stracks))
        ]
        taken: set[int] = set()
        for reach, _, new, hidden in sorted(pairs):
            if reach <= 1 and not {id(new), id(hidden)} & taken:
                taken |= {id(new), id(hidden)}
                new.track_id = hidden.track_id
        self.lost_stracks = [track for track in self.lost_stracks if id(track) not in taken]

    def _reach(self, track: int, detection: Detection, at_s: float) -> float:
        """Return how far off a hidden face was last seen; 1 is one face size, plus one for each second since."""
        seen_s, last = self._last_seen[track]
        size_px = max(last.longer_side_px, detection.longer_side_px)
        return math.dist(last.centre, detection.centre) / (size_px * (1 + at_s - seen_s))

    def init_track(self, results: _Boxes, img: None = None) -> list[Any]:
        """Return a track for each detection, which starts if no known track matches it; called by `update`."""
        made: list[Any] = super().init_track(results, img)
        self._candidates += made
        return made

    def get_dists(self, tracks: list[Any], detections: list[Any]) -> npt.NDArray[np.float32]:
        """Return each track's (row's) cost for each detection; called by `update`."""
        hidden = np.array([track.state == TrackState.Lost for track in tracks], dtype=np.float32)
        costs: npt.NDArray[np.float32] = super().get_dists(tracks, detections)
        return costs + HIDDEN_COST * hidden[:, None]

    def multi_predict(self, tracks: list[Any]) -> None:
        """Predict where the tracks are now; called by `update`."""
        for _ in range(self._steps):
            super().multi_predict(tracks)
