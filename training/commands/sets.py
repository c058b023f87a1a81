"""`python -m training sets ...`: train and measure on several sets of faces together."""

import dataclasses
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import torch
import typer

from app.runtimes.torch.device import has_native_bf16
from training.commands.options import WEIGHTS_DIR, WeightsDirOption
from training.commands.set_export import (
    EVALUATION,
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
from training.files import write_json, write_payload
from training.plots import plot_reliability
from training.sets.clearness import clear_table, measure_clear
from training.sets.loading import FaceSet, load_parts, load_set
from training.sets.near_copies import (
    THRESHOLD,
    near_copies,
    read_left_out,
    summary,
    without,
    write_near_copies,
)
from training.sets.pictures import read_textures
from training.sets.plan import DEFAULT_SETS, RunPlan, read_plan
from training.sets.predict import predict_set
from training.sets.recipe import WIDE_RECIPES
from training.sets.report import fit_temperature_over_sets, set_figures, table
from training.sets.robustness import set_robustness
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
def evaluate(
    data: DataOption,
    weights: Annotated[Path, typer.Option("--weights", help="My_model's, or a teacher's.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the results.")],
    sets: SetsOption = DEFAULT_SETS,
    temperature: Annotated[
        float | None, typer.Option("--temperature", min=0.01, help="Default: fitted on all val parts together.")
    ] = None,
    robustness: Annotated[
        bool, typer.Option("--robustness", help="Also with the faces blurred, small, badly framed, leaning.")
    ] = False,
    find_faces: Annotated[
        bool,
        typer.Option("--find-faces", help="The pictures hold surroundings: find the face and crop it as the server."),
    ] = False,
    weights_dir: WeightsDirOption = WEIGHTS_DIR,
    final: Annotated[
        bool, typer.Option("--final", help="Also PrivateTest: once, when nothing is chosen any more.")
    ] = False,
    threads: ThreadsOption = None,
    limit: LimitOption = None,
) -> None:
    """Measure weights on the val part of every set with labels, set by set."""
    use_threads(threads)
    measured, plan = read_teacher(weights), read_plan(sets)
    if find_faces:
        parts = _load_found(plan, data, weights_dir, limit)
    else:
        parts = {each.plan.name: each for each in load_parts(plan, data, "val", limit)}
    logits = {name: predict_set(measured.network, each, measured.size_px) for name, each in parts.items()}
    targets = {name: each.targets_N for name, each in parts.items()}
    used = temperature or fit_temperature_over_sets(logits, targets)
    for described in plan.labelled if final else ():
        if described.form == "fer2013":
            tested = load_set(described, plan, data, "test", limit)
            logits[f"{described.name} test"] = predict_set(measured.network, tested, measured.size_px)
            targets[f"{described.name} test"] = tested.targets_N
    figures = {name: set_figures(logits[name], targets[name], plan.labels, used) for name in logits}
    clear = measure_clear(logits, targets, used, {each.name: each.trust for each in plan.labelled})
    result = {
        "weights_sha256": measured.sha256,
        "temperature": used,
        "limit": limit,
        "data": {name: each.digest for name, each in parts.items()},
        "sets": {name: dataclasses.asdict(each) for name, each in figures.items()},
        "clear": {
            "rule": clear.rule.model_dump(),
            "sets": {name: dataclasses.asdict(each) for name, each in clear.sets.items()},
        },
        "robustness": set_robustness(measured.network, parts, measured.size_px) if robustness else {},
    }
    write_json(result, out / EVALUATION)
    for name, each in figures.items():
        before, after = dataclasses.asdict(each.uncalibrated), dataclasses.asdict(each.calibration)
        plot_reliability(before, after, out / f"reliability-{name.replace(' ', '-')}.png", f"Reliability on {name}")
    typer.echo(table(figures, tuple(parts)))
    typer.echo(clear_table(clear))
    typer.echo(f"Temperature {used:.3f}. Written: {out / EVALUATION}")


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


def _load_found(plan: RunPlan, data: Path, weights_dir: Path, limit: int | None) -> dict[str, FaceSet]:
    from training.sets.found import FaceFinder, load_found  # imports ultralytics, which takes seconds

    finder, parts = FaceFinder(weights_dir, plan.attribute), {}
    for each in plan.labelled:
        parts[each.name], missed = load_found(each, plan, data, "val", finder, limit)
        number = len(parts[each.name])
        typer.echo(f"{each.name}: a face found in {number} of {number + missed} pictures")
    return parts


app.command()(export)
app.command()(blend)
