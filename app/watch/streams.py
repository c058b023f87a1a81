"""Which stream of a container is the film: cover pictures and thumbnails are not."""

from typing import Any

from av.stream import Disposition

from app.errors import VideoUnavailable

NOT_MOVING = Disposition.attached_pic | Disposition.timed_thumbnails
PICTURE_FORMATS = ("image2", "_pipe")
"""How FFmpeg's readers of single pictures end."""


def choose_stream(container: Any, number: int | None) -> Any:
    """Return the stream to follow.

    Args:
        container: Opened by PyAV.
        number: The stream's number in the file, as ffprobe counts, from 0; None for the one marked as default, else
            the one with the most pixels.

    Raises:
        VideoUnavailable: If there is no moving picture, the number is none of a video, or its coding is not read here.
    """
    videos = list(container.streams.video)
    moving = [each for each in videos if not each.disposition & NOT_MOVING]
    if container.format.name.endswith(PICTURE_FORMATS):
        raise VideoUnavailable(
            "This is a single picture and no video: use mien detect. Animated WebPs and PNGs are not read as films, "
            "either: convert them to GIF or MP4."
        )
    if number is not None:
        return _readable(_numbered(videos, number))
    if not moving:
        only = "only a cover picture and no moving one" if videos else "no video"
        raise VideoUnavailable(f"There is {only} in it.")
    return _readable(max(moving, key=_rank))


def _rank(stream: Any) -> tuple[bool, bool, int, int]:
    context = stream.codec_context
    pixels = context.width * context.height if context else 0
    return context is not None, bool(stream.disposition & Disposition.default), pixels, -stream.index


def _numbered(videos: list[Any], number: int) -> Any:
    chosen = next((each for each in videos if each.index == number), None)
    if chosen is None:
        known = ", ".join(str(each.index) for each in videos) or "none"
        raise VideoUnavailable(f"Stream {number} is no video; the video streams of this source: {known}.")
    return chosen


def _readable(stream: Any) -> Any:
    if stream.codec_context is None:
        raise VideoUnavailable(f"The coding of video stream {stream.index} is not read here; convert it to H.264.")
    return stream
