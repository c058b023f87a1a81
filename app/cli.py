"""The `mien` command line."""

import asyncio
import logging
import os
import signal
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app import __version__
from app.config import Settings
from app.environment import check_keys_are_not_emptied, read_settings
from app.errors import MienError, SettingsError
from app.logs import configure_logging, is_json, written_on_a_thread
from app.terminal import written_out

Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:N.")]
MaxFaces = Annotated[int | None, typer.Option(min=1, help="At most this many faces, largest first.")]
MinFacePx = Annotated[float, typer.Option(min=0, help="Leave out smaller faces.")]
ScoreThreshold = Annotated[float | None, typer.Option(min=0.05, max=1, help="Lowest confidence.")]
Report = Annotated[
    Path | None, typer.Option(help="HTML file, or a folder for it, that says what was found, for people; no scripts.")
]
WithPictures = Annotated[bool, typer.Option("--with-pictures", help="The report may show the pictures and faces.")]
AttributeList = Annotated[
    str | None, typer.Option(help="What to say of each face besides its emotion, comma-separated, such as gender.")
]
SecondLooks = Annotated[bool, typer.Option(help="Look again where nothing sure is found, such as at turned faces.")]

GO_ON = "The same command goes on from there."

cli = typer.Typer(no_args_is_help=True, help="Finds faces and their expressions in pictures.")
to_stderr = Console(stderr=True)
logger = logging.getLogger(__name__)


@cli.callback(invoke_without_command=True)
def about(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Finds faces and their expressions in pictures."""
    if version:
        typer.echo(__version__)
        raise typer.Exit


@cli.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    device: Device = None,
) -> None:
    """Start the server; every setting is also a MIEN_... environment variable (see docs/deployment.md)."""
    from app.main import create_app, make_engine
    from app.metrics import Metrics
    from app.transport.descriptors import raise_limit
    from app.transport.listen import why_not_to_listen
    from app.transport.pauses import shorten_pauses
    from app.transport.server import end_by_signal, make_server

    if os.environ.get("MIEN_LOG_FORMAT") == "json":
        configure_logging("info", "json")  # for what stops the start
    try:
        check_keys_are_not_emptied(os.environ)
    except SettingsError as error:
        raise _fail(str(error)) from error
    settings = _settings(host=host, port=port, device=device)
    configure_logging(settings.log_level, settings.log_format)
    if told := why_not_to_listen(settings.host, settings.port):
        raise _fail(told if "MIEN_HOST" in told else f"{told} In the environment: MIEN_PORT or MIEN_HOST.")
    raise_limit()
    metrics = Metrics()
    engine = make_engine(settings, metrics)
    try:
        api = create_app(settings, engine, metrics)
        asyncio.run(engine.start())
    except (MienError, OSError) as error:
        raise _fail(str(error)) from error
    server = make_server(settings, api, engine)
    shorten_pauses()
    with written_on_a_thread():
        server.run()
    if server.failed:
        raise typer.Exit(1)
    if server.stopped_by is not None:
        end_by_signal(server.stopped_by)


DETECT_EXAMPLES = """Examples:  mien detect *.jpg  |  mien detect photos/ --recursive --out faces.csv  |
mien detect photos/ --report report.html --with-pictures  |  mien detect group.png --annotate drawn/"""
BATCH_EXAMPLES = """Examples:  mien batch photos/ --out faces.parquet  |  mien batch album.zip '*/*.jpg' --out x.csv  |
mien batch photos/ --out x.csv --report x.html  |  find / -name '*.jpg' -print0 | mien batch - --out faces.jsonl"""
WATCH_EXAMPLES = """Examples:  mien watch film.mp4 --out faces.csv --annotate drawn.mp4  |
mien watch film.mp4 --report report.html --with-pictures  |  mien watch 0  |
mien watch rtsp://camera/stream  |  ffmpeg ... -f matroska - | mien watch -"""


@cli.command(epilog=DETECT_EXAMPLES)
def detect(
    paths: Annotated[list[Path], typer.Argument(help="Pictures and folders.", show_default=False)],
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Folders inside folders, too.")] = False,
    out: Annotated[Path | None, typer.Option(help="CSV or JSONL file; default: JSON lines to the terminal.")] = None,
    annotate: Annotated[Path | None, typer.Option(help="Folder for pictures with boxes and labels.")] = None,
    explain: Annotated[
        Path | None, typer.Option(help="Folder for pictures of what the answers rest on, of up to 8 faces a file.")
    ] = None,
    report: Report = None,
    with_pictures: WithPictures = False,
    max_faces: MaxFaces = None,
    min_face_px: MinFacePx = 0.0,
    score_threshold: ScoreThreshold = None,
    second_looks: SecondLooks = True,
    attributes: AttributeList = None,
    device: Device = None,
) -> None:
    """Print one JSON line per picture; exit code 1 if any of them failed."""
    from app.answers import Answers
    from app.api.wire.table import columns_with
    from app.faces.types import DetectOptions
    from app.looking import Looker, open_answers, prepare_folder
    from app.main import load_pipeline
    from app.names import missing, pictures_of
    from app.outputs import TABLES, check_output, check_report
    from app.pictures.workers import Workers
    from app.report.gallery import gallery_report

    settings = _settings(device=device, attributes=attributes or "")
    further = _further(settings)
    options = DetectOptions(max_faces, min_face_px, score_threshold, second_looks, tuple(further))
    gone, files = missing(paths), list(pictures_of(paths, recursive))
    for path in gone:
        typer.echo(f"mien: {path}: no such file or folder.", err=True)
    if not files:
        raise _fail("no picture in these folders; --recursive looks into folders inside them, too.")
    if len(gone) == len(paths):
        raise _fail("nothing to look at.")
    try:
        check_output(out, "answers are", TABLES)
        report = check_report(report, with_pictures)
        for folder in (annotate, explain):
            if folder is not None:
                prepare_folder(folder)
        pipeline = load_pipeline(settings)
        with ExitStack() as stack:
            workers = stack.enter_context(Workers())
            shown = stack.enter_context(gallery_report(report, pipeline.manifest, with_pictures))
            looker = Looker(
                pipeline, options, settings.max_image_bytes, settings.max_pixels, annotate, workers, explain, shown
            )
            stack.enter_context(written_out())
            columns = columns_with(further)
            answers = Answers(*stack.enter_context(open_answers(out)), columns)
            parts = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            progress = Progress(*parts, console=to_stderr, disable=len(files) < 2, transient=True)
            for file in stack.enter_context(progress).track(files, description="pictures"):
                answers.write(str(file), looker.look(file))
    except OSError as error:
        raise _fail(f"{out or 'standard output'} cannot be written: {error.strerror}.") from error
    except MienError as error:
        raise _fail(str(error)) from error
    typer.echo(answers.summary(), err=True)
    if answers.counts.failed:
        raise typer.Exit(1)


@cli.command(epilog=BATCH_EXAMPLES)
def batch(
    sources: Annotated[
        list[str],
        typer.Argument(
            help="Folders, pictures, patterns, .zip, .tar(.gz|.bz2|.xz|.zst), lists of paths (@FILE or .txt; - is "
            "standard input).",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option(help="New .parquet, .csv or .jsonl file.")],
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget what an earlier run has left unfinished.")] = False,
    report: Report = None,
    with_pictures: WithPictures = False,
    max_faces: MaxFaces = None,
    min_face_px: MinFacePx = 0.0,
    score_threshold: ScoreThreshold = None,
    second_looks: SecondLooks = True,
    attributes: AttributeList = None,
    device: Device = None,
    ray: Annotated[
        str | None, typer.Option(help="Ray cluster that looks at them: HOST:PORT, auto (this machine's) or local.")
    ] = None,
) -> None:
    """Look at any number of pictures: one row a face. The same command goes on where it was broken off."""
    from app.batch.here import Limits
    from app.batch.looking import looking_of
    from app.batch.progress import progress_bar
    from app.batch.run import Batch
    from app.faces.types import DetectOptions

    settings = _settings(device=device, attributes=attributes or "")
    further = _further(settings)
    options = DetectOptions(
        max_faces, min_face_px, score_threshold, second_looks and settings.second_looks, tuple(further)
    )
    limits = Limits(settings.max_image_bytes, settings.max_pixels, settings.max_pixels_held, settings.decode_threads)
    try:
        run = Batch(
            sources, out, options, limits, sys.stdin.buffer, further=further, report=report, with_pictures=with_pictures
        )
        with progress_bar(to_stderr) as tell:
            summary = run.run(looking_of(ray, settings, options, limits), fresh, tell)
    except OSError as error:
        raise _fail(f"{error.filename or out}: {error.strerror or error}. {GO_ON}") from error
    except MienError as error:
        raise _fail(str(error)) from error
    except KeyboardInterrupt:
        typer.echo(f"mien: stopped. {GO_ON}", err=True)
        raise typer.Exit(128 + signal.SIGINT) from None
    typer.echo(summary, err=True)


@cli.command(epilog=WATCH_EXAMPLES)
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
        raise _fail(f"{missing.name} is not installed: run pip install -e '.[watch]' in Mien's sources.") from missing

    settings = _settings(device=device, attributes=attributes or "")
    further = _further(settings)
    options = DetectOptions(max_faces, min_face_px, score_threshold, second_looks, tuple(further))
    try:
        with written_out():
            summary = watch_source(
                source, annotate, out, lambda: load_pipeline(settings), options, settings.tracking,
                settings.smoothing_s, stream, pixel_aspect, reconnect_s, report, with_pictures,
                settings.stream_search_every_s if search == "guided" else 0.0,
            )  # fmt: skip
    except (MienError, OSError) as error:
        raise _fail(str(error)) from error
    typer.echo(summary, err=True)


def main() -> None:
    """Run the command line."""
    cli()


def _settings(**given: Any) -> Settings:
    """Read the settings; options given on the command line override the environment."""
    try:
        return read_settings(**given)
    except SettingsError as error:
        raise _fail(str(error)) from error


def _further(settings: Settings) -> dict[str, tuple[str, ...]]:
    """Return what is asked of a face besides its emotion, with its labels."""
    from app.main import deployed

    try:
        return deployed(settings).further
    except MienError as error:
        raise _fail(str(error)) from error


def _fail(message: str) -> typer.Exit:
    if is_json():
        logger.error(message)
    else:
        typer.echo(f"mien: {message}", err=True)
    return typer.Exit(1)
