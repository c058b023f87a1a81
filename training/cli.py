"""The command line of the training package: `python -m training emotion|detector|graph|quantize ...`."""

import sys
from collections.abc import Sequence

import typer

from app.errors import MienError
from training.commands.artifacts import graph, quantize
from training.commands.compare import compare
from training.commands.detector import app as detector_app
from training.commands.draw import draw
from training.commands.emotion import app as emotion_app
from training.commands.search import search
from training.commands.sets import app as sets_app
from training.errors import TrainingError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Train, measure and export Mien's two networks.",
)
emotion_app.command()(draw)
emotion_app.command()(search)
emotion_app.command()(compare)
app.add_typer(emotion_app, name="emotion")
app.add_typer(detector_app, name="detector")
app.add_typer(graph, name="graph")
app.add_typer(quantize, name="quantize")
app.add_typer(sets_app, name="sets")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; a failure that the user can fix ends as one line on stderr.

    Args:
        arguments: Without the program's name; default: those of the process.

    Raises:
        SystemExit: Always; 0 on success, 1 on failure, 2 on wrong usage.
    """
    try:
        app(args=None if arguments is None else list(arguments), prog_name="python -m training")
    except (TrainingError, MienError, OSError) as error:  # OSError: no permission to write, no space left
        typer.echo(f"error: {' '.join(str(error).split())}", err=True)
        sys.exit(1)
