"""`python -m training emotion search`: tunes the numbers of recipe `best` with Optuna."""

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from app.runtimes.torch.device import resolve_device
from training.commands.options import DeviceOption, Fer2013Option, LimitOption
from training.emotion.data import TRAINING_SPLIT, VALIDATION_SPLIT, load_fer2013
from training.emotion.recipe import BEST


def search(
    data: Fer2013Option,
    out: Annotated[Path, typer.Option("--out", help="Folder of the study and its runs; goes on where it stopped.")],
    trials: Annotated[int, typer.Option("--trials", min=1, help="So many together with earlier ones.")] = 20,
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="Of each trial.")] = 6,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Fixes all randomness.")] = 0,
    device: DeviceOption = "auto",
    limit: LimitOption = None,
) -> None:
    """Search learning rate, weight decay, dropout and FER+ share of recipe best in short runs, judged on PublicTest."""
    from training.emotion.search import TRIALS, RecipeSearch, describe  # an extra that only this command needs

    splits = load_fer2013(data, (TRAINING_SPLIT, VALIDATION_SPLIT), limit)
    short = dataclasses.replace(BEST, epochs=epochs)
    study = RecipeSearch(short, splits[TRAINING_SPLIT], splits[VALIDATION_SPLIT], out, resolve_device(device), seed)
    best = study.run(trials, typer.echo)
    typer.echo(f"Best: {describe(best)}. All: {out / TRIALS}")
