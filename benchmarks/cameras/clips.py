"""Real films beside those made of stills: any file that PyAV reads."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import av

from app.faces.types import ImageFaces
from benchmarks.cameras.films import Shot


def clip_shots(file: Path, fps: float, seconds: float) -> list[Shot]:
    """Return the frames of a film at most so many a second, without anybody named.

    Args:
        file: A video file or an animation.
        fps: Most frames a second.
        seconds: How much of it is read.
    """
    shots: list[Shot] = []
    with av.open(str(file)) as container:
        for frame in container.decode(video=0):
            at_s = frame.time or 0.0
            if at_s > seconds:
                break
            if not shots or at_s >= shots[-1].at_s + 1 / fps - 1e-3:
                shots.append(Shot(frame.to_ndarray(format="rgb24"), at_s, {}))
    return shots


def with_people(shots: Sequence[Shot], whole: Sequence[ImageFaces]) -> list[Shot]:
    """Name those whom whole search followed: nobody else tells who is in a real film."""
    return [
        replace(shot, people={f"track {face.track_id}": face.detection.xyxy for face in found.faces})
        for shot, found in zip(shots, whole, strict=True)
    ]
