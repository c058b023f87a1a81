"""`python -m training sets ...`: train and measure on several sets of faces together."""

import dataclasses
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import torch
import typer

from app.runtimes.torch.device import has_native_bf16
from training.commands.set_evaluate import evaluate
from training.commands.set_export import (
    DataOption,
    LimitOption,
    SetsOption,
    ThreadsOption,
    blend,
    export,
    use_threads,
)
from training.deployed import to_payload
from training.errors import DataError
from training.files import write_payload
from training.sets.loading import load_parts
from training.sets.near_copies import (
    THRESHOLD,
    near_copies,
    read_left_out,
    summary,
    without,
    write_near_copies,
)
from training.sets.pictures import read_textures
from training.sets.plan import DEFAULT_SETS, read_plan
from training.sets.recipe import WIDE_RECIPES
from training.sets.soft_labels import (
    fit_mixings,
    make_soft_labels,
    read_soft_labels,
    read_teacher,
    write_soft_labels,
)
from training.sets.start import describe_start, make_mixture, start_network
from training.sets.train import WideTrainer

CPU = torch.device("cpu")
SHOWN = 20


class RecipeName(StrEnum):
    """The keys of WIDE_RECIPES."""

    TEACHER = "teacher"
    TEACHER_AGAIN = "teacher-again"
    WIDE = "wide"
    FINISH = "finish"
    GENDER = "gender"


app = typer.Typer(no_args_is_help=True, help="Several sets of faces together, described in one JSON file.")


@app.command()
def train(
    data: DataOption,
    run: Annotated[Path, typer.Option("--run", help="Folder of the run; resumed when it holds a checkpoint.")],
    recipe: Annotated[RecipeName, typer.Option("--recipe", help="All choices but the sets.")],
    pretrained: Annotated[Path, typer.Option("--pretrained", help="Start weights of the recipe's network.")],
    soft: Annotated[Path | None, typer.Option("--soft-labels", help="File that `sets soft-labels` wrote.")] = None,
    leave_out: Annotated[
        Path | None, typer.Option("--leave-out", help="Train without the near copies that `sets check --out` wrote.")
    ] = None,
    sets: SetsOption = DEFAULT_SETS,
    steps: Annotated[int | None, typer.Option("--steps", min=1, help="Length; default: the recipe's.")] = None,
    until: Annotated[int | None, typer.Option("--until", min=1, help="Stop after this step; resume later.")] = None,
    evaluate_every: Annotated[int, typer.Option("--evaluate-every", min=1, help="Steps between rows.")] = 500,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Fixes all randomness.")] = 0,
    threads: ThreadsOption = None,
    limit: LimitOption = None,
) -> None:
    """Train on all sets, those without labels where soft labels are given; write the averaged weights in fp16."""
    use_threads(threads)
    chosen = WIDE_RECIPES[recipe.value]
    if steps is not None:
        chosen = dataclasses.replace(chosen, steps=steps)
    plan = read_plan(sets)
    known = None if soft is None else read_soft_labels(soft, plan.labels)
    left_out = set() if leave_out is None else read_left_out(leave_out)
    train_sets = [without(each, left_out) for each in load_parts(plan, data, "train", limit, known is not None)]
    val = {each.plan.name: each for each in load_parts(plan, data, "val", limit)}
    mixture = make_mixture(chosen, train_sets, known, read_textures(data, plan.textures))
    about = describe_start(pretrained, known, train_sets)
    torch.manual_seed(seed)
    network = start_network(chosen, pretrained, train_sets, len(plan.labels))
    trainer = WideTrainer(chosen, network, mixture, val, run, about, seed, has_native_bf16(CPU), typer.echo)
    trainer.fit(until, evaluate_every)
    path = run / f"{chosen.network}.safetensors"
    write_payload(to_payload(trainer.average), path)
    typer.echo(f"{trainer.step} of {chosen.steps} steps done. Averaged weights: {path}")


@app.command("soft-labels")
def soft_labels(
    data: DataOption,
    teacher: Annotated[list[Path], typer.Option("--teacher", help="Weights that `sets train` wrote, or My_model's.")],
    out: Annotated[Path, typer.Option("--out", help="The file to write, .npz.")],
    sets: SetsOption = DEFAULT_SETS,
    threads: ThreadsOption = None,
    limit: LimitOption = None,
) -> None:
    """Ask teachers about every training picture and its mirror view, and store their mean.

    How far each is believed about a set is fitted on the set's val part, and for faces without labels on all of them.
    """
    use_threads(threads)
    teachers = [read_teacher(path, has_native_bf16(CPU)) for path in teacher]
    plan = read_plan(sets)
    mixings = fit_mixings(teachers, load_parts(plan, data, "val", limit))
    for name, mixing in mixings.items():
        said = zip(mixing.weights, mixing.temperatures, strict=True)
        parts = "; ".join(f"weight {weight:.2f}, temperature {temperature:.2f}" for weight, temperature in said)
        typer.echo(f"{name or 'without labels'}: {parts}")
    made = make_soft_labels(teachers, load_parts(plan, data, "train", limit, all_sets=True), mixings, plan.labels)
    write_soft_labels(made, out)
    typer.echo(f"{len(made.keys_N):,} different pictures, {out.stat().st_size / 1e6:.1f} MB: {out}")


@app.command()
def check(
    data: DataOption,
    sets: SetsOption = DEFAULT_SETS,
    threshold: Annotated[float, typer.Option("--threshold", help="Lowest correlation of the inner faces.")] = THRESHOLD,
    out: Annotated[Path | None, typer.Option("--out", help="Write the pairs as JSON instead of failing.")] = None,
    threads: ThreadsOption = None,
    limit: LimitOption = None,
) -> None:
    """Count the pictures of every set, and look for near copies between any train part and any val part."""
    use_threads(threads)
    plan = read_plan(sets)
    train_sets = load_parts(plan, data, "train", limit, all_sets=True)
    val = load_parts(plan, data, "val", limit)
    for part, found in (("train", train_sets), ("val", val)):
        for each in found:
            typer.echo(f"{each.plan.name}, {part}: {len(each):,} pictures")
    pairs = near_copies(train_sets, val, threshold)
    for line in (*map(str, pairs[:SHOWN]), *summary(pairs)):
        typer.echo(line)
    if out is not None:
        write_near_copies(pairs, out)
    elif pairs:
        raise DataError(
            f"{len(pairs)} val pictures have a near copy in a train part: write the pairs with --out, and leave them "
            "out of the training with --leave-out."
        )
    typer.echo(f"{len(pairs)} near copies between train and val." + ("" if out is None else f" Written: {out}"))


app.command()(evaluate)
app.command()(export)
app.command()(blend)
