"""Where the faces of a stream are and how they move: a Kalman filter on real time, for all of them at once."""

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

MOST_MOVED_S = 1.5
"""After a longer pause of the stream nothing more is known of the motion."""

SHAKE = 0.04
"""How far off the detector's boxes are: a standard deviation in face sides."""

FIRST_SPEED = 3.0
"""How fast a face may be that was seen once: a standard deviation in face sides a second."""

DRIFT = 16.0
"""How quickly faces change their speed: what its variance, in (face sides a second)^2, gains in a second."""

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Tracks:
    """The faces known, one a row.

    Each has a Kalman filter for its centre, which moves at a constant speed but for random pushes. x and y share their
    variances, and these are in face sides, so one filter of two states serves both. The size is taken as last seen.

    Attributes:
        ids: Shape (T,).
        unseen_s: Seconds since the face was seen, shape (T,).
        hidden: Whether it was missing in the last frame, shape (T,).
        boxes: Centre, width and height as last seen, in pixels, shape (T, 4).
        centres: Where the face is expected, in pixels, shape (T, 2).
        speeds: In pixels a second, shape (T, 2).
        doubts: Variance of the place, covariance of place and speed, variance of the speed, shape (T, 3).

    References:
        Kalman 1960, "A New Approach to Linear Filtering and Prediction Problems", the section "Solution of the Wiener
        problem". Bewley et al. 2016, SORT, arXiv:1602.00763, section 3.2: constant speed, as one step a frame.
    """

    ids: Whole
    unseen_s: Floats
    hidden: npt.NDArray[np.bool_]
    boxes: Floats
    centres: Floats
    speeds: Floats
    doubts: Floats

    @classmethod
    def begin(cls, ids: Whole, boxes: Floats) -> "Tracks":
        """Return tracks of faces of which no more is known than their boxes."""
        count = len(ids)
        doubts = np.tile([SHAKE**2, 0.0, FIRST_SPEED**2], (count, 1))
        return cls(ids, np.zeros(count), np.zeros(count, np.bool_), boxes, boxes[:, :2], np.zeros((count, 2)), doubts)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, rows: Whole | npt.NDArray[np.bool_]) -> "Tracks":
        return Tracks(*(getattr(self, field.name)[rows] for field in fields(self)))

    def without(self, rows: Whole) -> "Tracks":
        """Return all but these rows."""
        return self[np.delete(np.arange(len(self)), rows)]

    def later(self, passed_s: float) -> "Tracks":
        """Predict: return what is believed when so many seconds have passed; the motion of at most MOST_MOVED_S.

        The pushes are white noise in the acceleration, integrated over the time between the frames.
        """
        moved_s = min(passed_s, MOST_MOVED_S)
        place, both, speed = self.doubts.T
        place = place + moved_s * (2 * both + moved_s * speed) + DRIFT * moved_s**3 / 3
        both = both + moved_s * speed + DRIFT * moved_s**2 / 2
        doubts = np.stack([place, both, speed + DRIFT * moved_s], axis=1)
        centres = self.centres + moved_s * self.speeds
        return Tracks(self.ids, self.unseen_s + passed_s, self.hidden, self.boxes, centres, self.speeds, doubts)

    def seen(self, boxes: Floats) -> "Tracks":
        """Correct: return what is believed once each face was seen in its box."""
        place, both, speed = self.doubts.T
        gain, speed_gain = place / (place + SHAKE**2), both / (place + SHAKE**2)
        doubts = np.stack([place - gain * place, both - gain * both, speed - speed_gain * both], axis=1)
        surprise = boxes[:, :2] - self.centres
        centres, speeds = self.centres + gain[:, None] * surprise, self.speeds + speed_gain[:, None] * surprise
        count = len(boxes)
        return Tracks(self.ids, np.zeros(count), np.zeros(count, np.bool_), boxes, centres, speeds, doubts)

    def and_all(self, *others: "Tracks") -> "Tracks":
        """Return these and the others, in this order."""
        parts = (self, *others)
        return Tracks(*(np.concatenate([getattr(each, f.name) for each in parts]) for f in fields(self)))
