"""`python -m training emotion compare`: runs of different networks side by side."""

from pathlib import Path
from typing import Annotated

import typer

from app.runtimes.torch.device import resolve_device
from training.commands.options import DeviceOption
from training.emotion.compare import COMPARISON, compare_run, write_comparison


def compare(
    runs: Annotated[list[Path], typer.Option("--run", help="Folder of a run; give the option once for each.")],
    out: Annotated[Path, typer.Option("--out", help=f"Folder for {COMPARISON}.")],
    device: DeviceOption = "auto",
) -> None:
    """Compare runs of different networks: accuracy on PublicTest, parameters, milliseconds per face."""
    where = resolve_device(device)
    rows = [compare_run(run, where) for run in runs]
    write_comparison(rows, out / COMPARISON)
    for row in rows:
        typer.echo(row.summary)
