"""`mien watch`: opens the source and the outputs, shows progress, and ends cleanly when interrupted."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from app.api.wire.schemas import ModelNames, model_names
from app.errors import VideoUnavailable
from app.faces.types import DetectOptions
from app.outputs import TABLES, check_output, check_report, is_csv
from app.plural import counted
from app.report.film import table_of, write_film_report
from app.report.markup import now
from app.report.tracks import Tracks
from app.tracks.follow import LiveFaces
from app.watch.address import open_source, title_of
from app.watch.interrupt import noticed_interrupts
from app.watch.rows import RowWriter
from app.watch.run import Detector, Progress, watch
from app.watch.source import Source
from app.watch.upright import parse_aspect
from app.watch.video import VideoWriter

MOST_LINES = 40
"""Of the table of faces."""
SHORT_S, SHORT_SHARE = 1.0, 0.02
"""A file whose last frame is earlier than its announced end by less is whole: lengths are rounded, and include the
last frame's own time."""


def watch_source(
    text: str,
    annotate: Path | None,
    out: Path | None,
    load: Callable[[], Detector],
    options: DetectOptions,
    tracking: bool,
    smoothing_s: float,
    stream: int | None = None,
    pixel_aspect: str | None = None,
    reconnect_s: float = 0,
    report: Path | None = None,
    with_pictures: bool = False,
    search_every_s: float = 0.0,
) -> str:
    """Watch the source that the user typed until it ends or is interrupted.

    Args:
        text: What `app.watch.address.open_source` takes.
        annotate: New MP4 file for the annotated video.
        out: New .csv or .jsonl file for the rows; None for JSON lines on standard output.
        load: Loads the networks; called once the source and the outputs are known to be good.
        options: For every frame.
        tracking: Whether faces get ids.
        smoothing_s: Smoothing time constant.
        stream: Number of the video stream in the file; None for the default one.
        pixel_aspect: Of recorders that state none, such as 2:1; None for what the file says.
        reconnect_s: As in `open_source`.
        report: New HTML file for a report.
        with_pictures: Whether it may show the faces.
        search_every_s: As in `LiveFaces`.

    Returns:
        A one-line summary; a table of the faces was printed before it.

    Raises:
        MienError: If the source cannot be opened, breaks off or gives no frame, an output already exists or has a wrong
            name, or the networks cannot be loaded. Rows and frames already written are kept.
        OSError: If an output cannot be written.
    """
    check_output(out, "rows are", TABLES)
    check_output(annotate, "the annotated video is", (".mp4",))
    report = check_report(report, with_pictures)
    aspect = parse_aspect(pixel_aspect) if pixel_aspect else None
    with ExitStack() as stack:
        source = stack.enter_context(closing(open_source(text, stream, aspect, reconnect_s)))
        detector = load()
        file = stack.enter_context(out.open("w", newline="", encoding="utf-8")) if out else sys.stdout
        further = {each: detector.manifest.further[each] for each in options.attributes}
        rows = RowWriter(file, out is not None and is_csv(out), further)
        live = LiveFaces(tracking, smoothing_s, search_every_s)
        tracks = stack.enter_context(
            _told_at_the_end(title_of(text), model_names(detector.manifest, further), report, with_pictures)
        )
        video = stack.enter_context(VideoWriter(annotate)) if annotate else None
        progress = Progress()
        show = stack.enter_context(_progress_bar(source, progress))
        check_interrupt = stack.enter_context(noticed_interrupts())

        def tell() -> None:
            show()
            check_interrupt()

        return _sum_up(
            lambda: watch(detector, source, live, options, rows, tracks, video, progress, tell), source, progress
        )


@contextmanager
def _told_at_the_end(title: str, model: ModelNames, report: Path | None, with_pictures: bool) -> Iterator[Tracks]:
    """Gather the faces; at the end, however it comes, print their table and write the report.

    Who left before the end, such as `head`, is told nothing.
    """
    began, tracks = now(), Tracks(with_pictures)
    try:
        yield tracks
    finally:
        if report is not None and tracks.frames:
            write_film_report(report, title, began, model, tracks)
        if not isinstance(sys.exception(), BrokenPipeError) and (table := table_of(tracks, MOST_LINES)):
            sys.stderr.write(f"{table}\n")


def _sum_up(watching: Callable[[], None], source: Source, progress: Progress) -> str:
    ended = "done"
    try:
        watching()
    except KeyboardInterrupt:
        ended = "stopped"
    except VideoUnavailable as error:
        raise VideoUnavailable(f"{error} Until then: {_written(source, progress)}.") from error
    if not progress.frames and ended == "done":
        raise VideoUnavailable(source.why_nothing())
    if progress.video_error:
        raise VideoUnavailable(f"{progress.video_error} All rows are there: {_written(source, progress)}.")
    return f"{ended}: {_written(source, progress)}{_short_of(source, progress) if ended == 'done' else ''}"


def _written(source: Source, progress: Progress) -> str:
    damaged = f", {counted(source.damaged, 'damaged frame')} left out" if source.damaged else ""
    frames, rows = counted(progress.frames, "frame"), counted(progress.faces, "row")
    return f"{frames} in {progress.time_s:.1f} s of video, {rows}{damaged}"


def _short_of(source: Source, progress: Progress) -> str:
    """Say where the picture ended if the file announced more."""
    missing_s = (source.duration_s or 0) - progress.time_s
    if missing_s < max(SHORT_S, SHORT_SHARE * (source.duration_s or 0)):
        return ""
    return f"; the picture ends at {progress.time_s:.1f} of {source.duration_s:.1f} s"


@contextmanager
def _progress_bar(source: Source, progress: Progress) -> Iterator[Callable[[], None]]:
    """Show a bar with the time left if the length is known, else the frames so far; only on a terminal."""
    known = (BarColumn(), TextColumn("{task.percentage:3.0f} %"), TimeRemainingColumn())
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        *(known if source.duration_s else (TimeElapsedColumn(),)),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("frames", total=source.duration_s)
        told = 0

        def show() -> None:
            nonlocal told
            for notice in source.notices[told:]:
                bar.console.print(f"mien: {notice}", highlight=False, markup=False, soft_wrap=True)
                told += 1
            bar.update(task, completed=progress.time_s, description=counted(progress.frames, "frame"))

        try:
            yield show
        finally:
            show()
