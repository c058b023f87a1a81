"""`python -m training emotion draw`: a tiny set of drawn faces to try the other commands with."""

from pathlib import Path
from typing import Annotated

import typer

from training.emotion.drawn import draw_faces


def draw(
    out: Annotated[Path, typer.Option("--out", help="Folder to draw into: train/, val/ and test/.")],
    seed: Annotated[int, typer.Option("--seed", min=0, help="Another one draws other faces.")] = 0,
) -> None:
    """Draw a tiny set of faces in FER2013's form, to try every command in minutes; it teaches nothing about photos."""
    counts = draw_faces(out, seed)
    told = ", ".join(f"{count} in {part}/" for part, count in counts.items())
    typer.echo(f"Drew faces into {out}: {told}. They serve to try the commands; photos look otherwise.")
