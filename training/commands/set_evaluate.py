"""`python -m training sets evaluate`."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from torch import Tensor

from training.commands.options import WEIGHTS_DIR, WeightsDirOption
from training.commands.set_export import (
    EVALUATION,
    DataOption,
    LimitOption,
    SetsOption,
    ThreadsOption,
    use_threads,
)
from training.files import write_json
from training.plots import plot_reliability
from training.sets.clearness import clear_table, measure_clear
from training.sets.grouped import OtherNetwork, group_lines, groups_of, load_nameable, read_others
from training.sets.groups import Grouped, measure_groups
from training.sets.loading import FaceSet, load_parts, load_set
from training.sets.plan import DEFAULT_SETS, RunPlan, read_plan
from training.sets.predict import predict_set
from training.sets.report import fit_temperature_over_sets, set_figures, table
from training.sets.robustness import set_robustness
from training.sets.soft_labels import Teacher, read_teacher


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
    groups: Annotated[
        bool,
        typer.Option("--groups", help="Also by groups: as the other networks in --weights-dir read the faces."),
    ] = False,
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
    others = read_others(weights_dir, plan) if groups else ()
    grouped = _by_groups(measured, plan, data, parts, logits, others, limit)
    figures = {name: set_figures(logits[name], targets[name], plan.labels, used) for name in logits}
    clear = measure_clear(logits, targets, used, {each.name: each.trust for each in plan.labelled})
    result = {
        "weights_sha256": measured.sha256,
        "temperature": used,
        "limit": limit,
        "data": {name: each.digest for name, each in parts.items()},
        "sets": {name: asdict(each) for name, each in figures.items()},
        "clear": {
            "rule": clear.rule.model_dump(),
            "sets": {name: asdict(each) for name, each in clear.sets.items()},
        },
        "groups": {name: {of: asdict(each) for of, each in found.items()} for name, found in grouped.items()},
        "robustness": set_robustness(measured.network, parts, measured.size_px) if robustness else {},
    }
    write_json(result, out / EVALUATION)
    for name, each in figures.items():
        before, after = asdict(each.uncalibrated), asdict(each.calibration)
        plot_reliability(before, after, out / f"reliability-{name.replace(' ', '-')}.png", f"Reliability on {name}")
    typer.echo(table(figures, tuple(parts)))
    typer.echo(clear_table(clear))
    for line in group_lines(grouped):
        typer.echo(line)
    typer.echo(f"Temperature {used:.3f}. Written: {out / EVALUATION}")


def _by_groups(
    measured: Teacher,
    plan: RunPlan,
    data: Path,
    parts: Mapping[str, FaceSet],
    logits: Mapping[str, Tensor],
    others: Sequence[OtherNetwork],
    limit: int | None,
) -> dict[str, dict[str, Grouped]]:
    """Measure groups of the sets' pictures; with other networks also of unlabelled sets whose names say who it is."""
    found = {}
    for name, each in {**parts, **(load_nameable(plan, data, limit) if others else {})}.items():
        known = logits.get(name)
        predicted = (predict_set(measured.network, each, measured.size_px) if known is None else known).argmax(1)
        groups = groups_of(each, plan.labels, others)
        found[name] = measure_groups(predicted.numpy(), each.targets_N.numpy(), plan.labels, groups)
    return {name: each for name, each in found.items() if each}


def _load_found(plan: RunPlan, data: Path, weights_dir: Path, limit: int | None) -> dict[str, FaceSet]:
    from training.sets.found import FaceFinder, load_found  # imports ultralytics, which takes seconds

    finder, parts = FaceFinder(weights_dir, plan.attribute), {}
    for each in plan.labelled:
        parts[each.name], missed = load_found(each, plan, data, "val", finder, limit)
        number = len(parts[each.name])
        typer.echo(f"{each.name}: a face found in {number} of {number + missed} pictures")
    return parts
