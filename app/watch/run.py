"""Follows the faces in a video and writes what it finds."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Protocol

from app.errors import VideoUnavailable
from app.faces.annotate import annotate_image
from app.faces.types import DetectOptions, ImageFaces
from app.manifest import Manifest
from app.pictures.types import Image, Picture
from app.report.tracks import Tracks
from app.serving.looks import FrameLooks
from app.tracks.follow import LiveFaces
from app.watch.newest import newest_frames
from app.watch.rows import RowWriter
from app.watch.source import Source
from app.watch.video import VideoWriter


class Detector(Protocol):
    """The part of the networks needed here; `app.faces.pipeline.Pipeline` is one."""

    manifest: Manifest

    def detect(self, images: Sequence[Image], options: Sequence[DetectOptions]) -> Sequence[ImageFaces]:
        """Return each image's faces, in order."""


@dataclass
class Progress:
    """How far the run is.

    Attributes:
        frames: Frames so far.
        faces: Rows so far.
        time_s: Time of the last frame.
        video_error: Why the annotated video ends before the rows do; empty if it does not.
    """

    frames: int = 0
    faces: int = 0
    time_s: float = 0.0
    video_error: str = ""


def watch(
    detector: Detector,
    source: Source,
    live: LiveFaces,
    options: DetectOptions,
    rows: RowWriter,
    tracks: Tracks,
    video: VideoWriter | None,
    progress: Progress,
    tell: Callable[[], None],
) -> None:
    """Process every frame of a file, or the newest ones of a live source, until it ends.

    Args:
        detector: Finds and classifies faces.
        source: The frames.
        live: Follows the faces.
        options: For every frame.
        rows: Gets one row per face and frame.
        tracks: Gets the faces of each frame.
        video: Gets the annotated frames; if it fails, the rows go on.
        progress: Kept up to date.
        tell: Called after each frame.
    """
    looks = FrameLooks(live)
    with closing(newest_frames(source) if source.live else iter(source)) as frames:
        for frame in frames:
            [found] = detector.detect([frame.image], [looks(Picture.in_full(frame.image), options, frame.time_s)])
            found = live.follow(found, frame.time_s)
            rows.write(progress.frames, frame, found.faces)
            tracks.add(frame.time_s, found.faces, frame.image)
            if video is not None and not progress.video_error:
                try:
                    video.write(annotate_image(frame.image, found), frame.time_s)
                except VideoUnavailable as error:
                    progress.video_error = str(error)
            progress.frames += 1
            progress.faces += len(found.faces)
            progress.time_s = frame.time_s
            tell()
