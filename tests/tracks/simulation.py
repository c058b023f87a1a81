"""How often a tracker loses or mixes up the ids of simulated faces, and what a frame costs it.

`python -m tests.tracks.simulation` prints the figures of docs/experiments/own-tracker.md for the tracker of this tree.
"""

import itertools
import statistics
import sys
import time
from dataclasses import dataclass

import numpy as np

from app.faces.types import Detection
from app.tracks.tracker import LOST_S, FaceTracker
from tests.tracks.scenes import CAMERAS, SCENES, detect

SEEDS = range(100, 104)
"""The constants of the tracker were chosen on seeds 0 and 1."""

MISSED = (0.0, 0.1, 0.2)
"""Shares of faces that the detector misses."""


@dataclass(frozen=True)
class Score:
    """What went wrong in one run.

    Attributes:
        switches: How often a face that was unseen for at most LOST_S got another id than it had.
        mixups: How often a face got an id that another face had before.
    """

    switches: int
    mixups: int


def play(build, camera="10 fps", missed=0.0, jitter=0.02, seed=0):
    """Show one scene to a tracker and count its mistakes."""
    random, tracker = np.random.default_rng(seed), FaceTracker()
    scene, seconds = build(random)
    spacing, fps = CAMERAS[camera]
    last, owner, switches, mixups = {}, {}, 0, 0
    for at_s in spacing(seconds, fps, random):
        found = detect(scene(at_s), missed, jitter, random)
        for (name, _), track in zip(found, tracker.track([each for _, each in found], at_s), strict=True):
            before_s, before = last.get(name, (at_s, None))
            changed = track != before
            switches += changed and before is not None and at_s - before_s <= LOST_S
            mixups += changed and owner.setdefault(track, name) != name
            last[name] = at_s, track
    return Score(int(switches), int(mixups))


def frame_ms(count, staying, frames=12):
    """Return the median processor time of a frame in ms: of faces that stay, or of new ones in each frame."""
    random = np.random.default_rng(0)
    places, tracker, taken = random.uniform(0, 1, (count, 2)), FaceTracker(), []
    for index in range(frames):
        places = places if staying else random.uniform(0, 1, (count, 2))
        shown = places * (3000, 2000) + random.normal(0, 1, (count, 2))
        faces = [Detection((x, y, x + 40, y + 40), 0.8) for x, y in shown.tolist()]
        began = time.thread_time()
        tracker.track(faces, index / 10)
        taken.append((time.thread_time() - began) * 1e3)
    return statistics.median(taken[frames // 3 :])


def figures():
    """Yield the lines of the tables."""
    runs = {
        (build.__name__.replace("_", " "), camera, f"{missed:.0%} missed"): [
            play(build, camera, missed, seed=seed) for seed in SEEDS
        ]
        for build, camera, missed in itertools.product(SCENES, CAMERAS, MISSED)
    }
    for name in [*dict.fromkeys(each for place in range(3) for each in [key[place] for key in runs]), "all"]:
        scores = [score for key, some in runs.items() if name in (*key, "all") for score in some]
        switches, mixups = (statistics.mean(getattr(score, of) for score in scores) for of in ("switches", "mixups"))
        yield f"| {name} | {switches:.2f} | {mixups:.2f} |"
    for staying, count in itertools.product((True, False), (1, 5, 50, 300)):
        yield f"| {count} faces {'that stay' if staying else 'new in each frame'} | {frame_ms(count, staying):.2f} ms |"


if __name__ == "__main__":
    for line in figures():
        sys.stdout.write(line + "\n")
