"""`mien detect`."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

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
from app.commands.start import fail, further_of, settings_of, to_stderr
from app.errors import MienError
from app.terminal import written_out

EXAMPLES = """Examples:  mien detect *.jpg  |  mien detect photos/ --recursive --out faces.csv  |
mien detect photos/ --report report.html --with-pictures  |  mien detect group.png --annotate drawn/"""


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
    from app.api.wire.schemas import model_names
    from app.api.wire.table import columns_with
    from app.faces.types import DetectOptions
    from app.looking import Looker, open_answers, prepare_folder
    from app.main import load_pipeline
    from app.names import missing, pictures_of
    from app.outputs import TABLES, check_output, check_report
    from app.pictures.workers import Workers
    from app.report.gallery import gallery_report

    settings = settings_of(device=device, attributes=attributes or "")
    gone, files = missing(paths), list(pictures_of(paths, recursive))
    for path in gone:
        typer.echo(f"mien: {path}: no such file or folder.", err=True)
    if not files:
        raise fail("no picture in these folders; --recursive looks into folders inside them, too.")
    if len(gone) == len(paths):
        raise fail("nothing to look at.")
    try:
        check_output(out, "answers are", TABLES)
        report = check_report(report, with_pictures)
        for folder in (annotate, explain):
            if folder is not None:
                prepare_folder(folder)
        further = further_of(settings)
        options = DetectOptions(max_faces, min_face_px, score_threshold, second_looks, tuple(further))
        pipeline = load_pipeline(settings)
        with ExitStack() as stack:
            workers = stack.enter_context(Workers())
            shown = stack.enter_context(gallery_report(report, model_names(pipeline.manifest, further), with_pictures))
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
        raise fail(f"{out or 'standard output'} cannot be written: {error.strerror}.") from error
    except MienError as error:
        raise fail(str(error)) from error
    typer.echo(answers.summary(), err=True)
    if answers.counts.failed:
        raise typer.Exit(1)
