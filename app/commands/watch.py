"""`mien watch`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from app.commands.options import (
    AttributeList,
    Device,
    MaxFaces,
    MinFacePx,
    Report,
    ScoreThreshold,
    SecondLooks,
    WithPictures,
)
from app.commands.start import fail, further_of, settings_of
from app.errors import MienError
from app.terminal import written_out

EXAMPLES = """Examples:  mien watch film.mp4 --out faces.csv --annotate drawn.mp4  |
mien watch film.mp4 --report report.html --with-pictures  |  mien watch 0  |
mien watch rtsp://camera/stream  |  ffmpeg ... -f matroska - | mien watch -"""


def watch(
    source: Annotated[
        str,
        typer.Argument(help="A video file, - (standard input), a camera's number, an rtsp:// or http:// address."),
    ],
    annotate: Annotated[Path | None, typer.Option(help="MP4 file for the video with boxes and labels.")] = None,
    out: Annotated[Path | None, typer.Option(help="CSV or JSONL file; default: JSON lines to the terminal.")] = None,
    report: Report = None,
    with_pictures: WithPictures = False,
    max_faces: MaxFaces = None,
    min_face_px: MinFacePx = 0.0,
    score_threshold: ScoreThreshold = None,
    second_looks: SecondLooks = True,
    attributes: AttributeList = None,
    stream: Annotated[int | None, typer.Option(min=0, help="Number of the video stream, as ffprobe counts.")] = None,
    pixel_aspect: Annotated[
        str | None, typer.Option(help="Pixel width:height where the recorder states none, such as 2:1.")
    ] = None,
    reconnect_s: Annotated[
        float, typer.Option(min=0, help="So long a network camera that broke off is asked again.")
    ] = 30.0,
    search: Annotated[
        Literal["guided", "whole"], typer.Option(help="Most frames around known faces alone, or all of each.")
    ] = "guided",
    device: Device = None,
) -> None:
    """Follow the faces in a video: one row per face and frame. Ctrl-C ends it and keeps what was written."""
    from app.faces.types import DetectOptions
    from app.main import load_pipeline

    try:
        from app.watch.command import watch_source
    except ModuleNotFoundError as missing:
        raise fail(f"{missing.name} is not installed: run pip install -e '.[watch]' in Mien's sources.") from missing

    settings = settings_of(device=device, attributes=attributes or "")
    further = further_of(settings)
    options = DetectOptions(max_faces, min_face_px, score_threshold, second_looks, tuple(further))
    try:
        with written_out():
            summary = watch_source(
                source, annotate, out, lambda: load_pipeline(settings), options, settings.tracking,
                settings.smoothing_s, stream, pixel_aspect, reconnect_s, report, with_pictures,
                settings.stream_search_every_s if search == "guided" else 0.0,
            )  # fmt: skip
    except OSError as error:
        what = error.filename or out or "standard output"
        raise fail(f"{what} cannot be written: {error.strerror or error}.") from error
    except MienError as error:
        raise fail(str(error)) from error
    typer.echo(summary, err=True)
