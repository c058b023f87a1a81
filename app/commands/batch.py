"""`mien batch`."""

import signal
import sys
from pathlib import Path
from typing import Annotated

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
from app.commands.start import fail, further_of, settings_of, to_stderr
from app.errors import MienError

EXAMPLES = """Examples:  mien batch photos/ --out faces.parquet  |  mien batch album.zip '*/*.jpg' --out x.csv  |
mien batch photos/ --out x.csv --report x.html  |  find / -name '*.jpg' -print0 | mien batch - --out faces.jsonl"""

GO_ON = "The same command goes on from there."


def batch(
    sources: Annotated[
        list[str],
        typer.Argument(
            help="Folders, pictures, patterns, .zip, .tar(.gz|.bz2|.xz|.zst), s3:// and gs:// addresses, lists of all "
            "these (@FILE or .txt; - is standard input).",
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

    settings = settings_of(device=device, attributes=attributes or "")
    further = further_of(settings)
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
        raise fail(f"{error.filename or out}: {error.strerror or error}. {GO_ON}") from error
    except MienError as error:
        raise fail(str(error)) from error
    except KeyboardInterrupt:
        typer.echo(f"mien: stopped. {GO_ON}", err=True)
        raise typer.Exit(128 + signal.SIGINT) from None
    typer.echo(summary, err=True)
