"""Guided search beside whole search of every frame, on films made of stills."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise

import numpy as np

from app.faces.overlap import as_boxes, overlaps
from app.faces.types import DetectOptions, ImageFaces
from app.manifest import EMOTION
from app.serving.engine import Engine
from app.serving.looks import FrameLooks
from app.tracks.follow import LiveFaces
from benchmarks.cameras.films import Shot

SAME = 0.5
"""Least overlap (IoU) of two boxes of the same face."""

SMOOTHING_S = 0.35


@dataclass
class Quality:
    """How guided answers differ from those of whole search; several films may be added up.

    Attributes:
        frames: How many frames there are.
        whole: How many of them were searched as a whole.
        faces: Faces that whole search found.
        found: Those of them that guided search found.
        more: Faces that guided search alone found.
        overlaps: IoU of each face that both found.
        clear: How many of these whole search is clear about.
        same_label: How many of the clear ones have the same label.
        switches: Changes of people's ids, by whole and by guided search.
        delays_s: How much later a person was first found.
    """

    frames: int = 0
    whole: int = 0
    faces: int = 0
    found: int = 0
    more: int = 0
    overlaps: list[float] = field(default_factory=list)
    clear: int = 0
    same_label: int = 0
    switches: tuple[int, int] = (0, 0)
    delays_s: list[float] = field(default_factory=list)

    def __add__(self, other: "Quality") -> "Quality":
        return Quality(
            self.frames + other.frames,
            self.whole + other.whole,
            self.faces + other.faces,
            self.found + other.found,
            self.more + other.more,
            self.overlaps + other.overlaps,
            self.clear + other.clear,
            self.same_label + other.same_label,
            (self.switches[0] + other.switches[0], self.switches[1] + other.switches[1]),
            self.delays_s + other.delays_s,
        )

    def figures(self) -> dict[str, float]:
        """Return what the targets are about; shares are 1 where there was nothing to find."""
        return {
            "frames": self.frames,
            "searched whole": round(self.whole / max(1, self.frames), 3),
            "faces": self.faces,
            "recall": round(self.found / self.faces, 4) if self.faces else 1.0,
            "precision": round(self.found / (self.found + self.more), 4) if self.found + self.more else 1.0,
            "mean IoU": round(float(np.mean(self.overlaps)), 4) if self.overlaps else 1.0,
            "label agreement": round(self.same_label / self.clear, 4) if self.clear else 1.0,
            "switches whole": self.switches[0],
            "switches guided": self.switches[1],
            "latest s": round(max(self.delays_s, default=0.0), 3),
        }


async def answers(engine: Engine, shots: Sequence[Shot], search_every_s: float) -> list[ImageFaces]:
    """Return what a stream would answer.

    Args:
        engine: It has started.
        shots: The frames.
        search_every_s: As in `LiveFaces`; 0 for whole search.
    """
    live = LiveFaces(tracking=True, smoothing_s=SMOOTHING_S, search_every_s=search_every_s)
    looks, options, answered = FrameLooks(live), DetectOptions(second_looks=False), []
    for shot in shots:
        look = partial(looks, options=options, at_s=shot.at_s)
        found = await engine.detect(shot.payload, options, look=look, long_side_px=looks.long_side_px)
        answered.append(live.follow(found, shot.at_s))
        looks.answered(found, engine.manifest)
    return answered


def compare(shots: Sequence[Shot], whole: Sequence[ImageFaces], guided: Sequence[ImageFaces]) -> Quality:
    """Compare the answers for the frames of one film."""
    quality = Quality(frames=len(shots), whole=sum(each.search == "whole" for each in guided))
    for one, other in zip(whole, guided, strict=True):
        _compare_frame(quality, one, other)
    seen, seen_guided = _ids(shots, whole), _ids(shots, guided)
    quality.switches = _switches(seen), _switches(seen_guided)
    for person, times in seen.items():
        first, last = min(times), max(times)
        quality.delays_s.append(min((at for at in seen_guided.get(person, {}) if at >= first), default=last) - first)
    return quality


def _compare_frame(quality: Quality, whole: ImageFaces, guided: ImageFaces) -> None:
    boxes, others = (as_boxes([face.detection.xyxy for face in each.faces]) for each in (whole, guided))
    shares = overlaps(boxes, others)
    found = 0
    while shares.size and shares.max() >= SAME:
        row, column = np.unravel_index(shares.argmax(), shares.shape)
        quality.overlaps.append(float(shares[row, column]))
        answer, other = (each.answers[EMOTION] for each in (whole.faces[row], guided.faces[column]))
        quality.clear += not answer.unclear
        quality.same_label += not answer.unclear and answer.best[0] == other.best[0]
        shares[row], shares[:, column] = -1, -1
        found += 1
    quality.faces += len(boxes)
    quality.found += found
    quality.more += len(others) - found


def _ids(shots: Sequence[Shot], answered: Sequence[ImageFaces]) -> dict[str, dict[float, int]]:
    """Return the id of each person's face at each time at which it was found."""
    seen: dict[str, dict[float, int]] = {}
    for shot, found in zip(shots, answered, strict=True):
        for person, box in shot.people.items():
            for face in found.faces:
                (x, y), middle = face.detection.centre, ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
                near = 0.25 * (box[2] - box[0])
                if face.track_id is not None and abs(x - middle[0]) < near and abs(y - middle[1]) < near:
                    seen.setdefault(person, {})[shot.at_s] = face.track_id
    return seen


def _switches(seen: dict[str, dict[float, int]]) -> int:
    ids = [[of_person[at_s] for at_s in sorted(of_person)] for of_person in seen.values()]
    return sum(one != other for each in ids for one, other in pairwise(each))
