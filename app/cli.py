"""The `mien` command line."""

from typing import Annotated

import typer

from app import __version__
from app.commands import batch, detect, serve, watch

cli = typer.Typer(no_args_is_help=True, help="Finds faces and their expressions in pictures.")
cli.command()(serve.serve)
cli.command(epilog=detect.EXAMPLES)(detect.detect)
cli.command(epilog=batch.EXAMPLES)(batch.batch)
cli.command(epilog=watch.EXAMPLES)(watch.watch)


@cli.callback(invoke_without_command=True)
def about(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Finds faces and their expressions in pictures."""
    if version:
        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """Run the command line."""
    cli()
