"""`python -m training emotion ...`: train, evaluate and export My_model."""

import dataclasses
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import torch
import typer

from app.manifest import LABELS, MANIFEST
from app.runtimes.torch.device import resolve_device
from training.commands.options import NO_INT8, WEIGHTS_DIR, DeviceOption, Fer2013Option, LimitOption, WeightsDirOption
from training.emotion.data import TEST_SPLIT, TRAINING_SPLIT, VALIDATION_SPLIT, EmotionSplit, load_fer2013
from training.emotion.distributed import join_group
from training.emotion.evaluate import Evaluation, evaluate_splits, join_all
from training.emotion.export import (
    NAME,
    EmotionCandidate,
    candidate_of_file,
    candidate_of_run,
    export_emotion,
)
from training.emotion.history import HISTORY
from training.emotion.predict import predict_logits
from training.emotion.recipe import RECIPES
from training.emotion.results import earlier_results, read_evaluation, write_evaluation
from training.emotion.robustness import measure_robustness
from training.emotion.train import Trainer
from training.errors import RunError
from training.files import write_json
from training.manifest_entry import crop_rule, kept_from_manifest, measured_rule
from training.plots import plot_confusion, plot_emotion_history, plot_reliability
from training.take_along import known_weights, take_along

FRAMING = "framing.json"
CPU = torch.device("cpu")


class RecipeName(StrEnum):
    """The keys of RECIPES."""

    REPORT = "report"
    BEST = "best"
    REFINE = "refine"
    DISTIL = "distil"


class BackboneName(StrEnum):
    """BACKBONES, in their order."""

    MY_MODEL = "my_model"
    RESNET18 = "resnet18"
    VGG11_BN = "vgg11_bn"


app = typer.Typer(no_args_is_help=True, help="My_model, the emotion classifier.")

RunOption = Annotated[Path, typer.Option("--run", help="Folder of the run: checkpoint, history, figures.")]
SomeRunOption = Annotated[Path | None, typer.Option("--run", help="Folder of a run; the epoch that it kept is taken.")]
WeightsOption = Annotated[Path | None, typer.Option("--weights", help="An exported .safetensors file.")]
FinalOption = Annotated[bool, typer.Option("--final", help="Also PrivateTest: once, when nothing is chosen any more.")]
AgainOption = Annotated[
    bool, typer.Option("--again", help="With --final: measure PrivateTest even if these weights were measured on it.")
]
OutOption = Annotated[Path | None, typer.Option("--out", help="Where results go; by default the run's folder.")]


@app.command()
def train(
    data: Fer2013Option,
    run: RunOption,
    recipe: Annotated[RecipeName, typer.Option("--recipe", help="All choices of the training.")],
    seed: Annotated[int, typer.Option("--seed", min=0, help="Fixes all randomness.")] = 0,
    device: DeviceOption = "auto",
    limit: LimitOption = None,
    epochs: Annotated[
        int | None, typer.Option("--epochs", min=1, help="Rehearsal: override the recipe's number of epochs.")
    ] = None,
    backbone: Annotated[BackboneName, typer.Option("--backbone", help="Which network.")] = BackboneName.MY_MODEL,
    pretrained: Annotated[
        Path | None, typer.Option("--pretrained", help="State dict of the same network to start from.")
    ] = None,
    teacher: Annotated[
        list[Path] | None, typer.Option("--teacher", help="Weights of a My_model to learn from; may be repeated.")
    ] = None,
    fp32: Annotated[bool, typer.Option("--fp32", help="Compute in float32 also where bfloat16 is faster.")] = False,
) -> None:
    """Train, or resume the run in the folder; the recipe says which epoch is kept.

    Under torchrun, several GPUs or machines share every batch, and each process takes the GPU of its local rank.
    """
    chosen = RECIPES[recipe.value]
    if epochs is not None:
        chosen = dataclasses.replace(chosen, epochs=epochs)
    group, where = join_group(device)
    splits = load_fer2013(data, (TRAINING_SPLIT, VALIDATION_SPLIT), limit)
    trainer = Trainer(
        chosen, splits[TRAINING_SPLIT], splits[VALIDATION_SPLIT], run, where, seed,
        bf16=False if fp32 else None, backbone=backbone.value, pretrained=pretrained,
        teachers=tuple(teacher or ()), group=group,
    )  # fmt: skip
    if not group.is_first:
        trainer.fit()
        return
    if device.startswith("cuda:") and str(where) != device:
        typer.echo(f"{device} is not heeded under torchrun: each process takes the GPU of its local rank.")
    done = len(trainer.history)
    if done >= chosen.epochs:
        typer.echo(f"The run in {run} is already finished: {done} epochs.")
    else:
        typer.echo(f"Resuming {run} after epoch {done}." if done else f"Training on {where}: {chosen.epochs} epochs.")
        trainer.fit()
    _tell_kept(trainer, f"{backbone.value}, recipe {chosen.name}, seed {seed}")


@app.command()
def evaluate(
    data: Fer2013Option,
    run: SomeRunOption = None,
    weights: WeightsOption = None,
    out: OutOption = None,
    final: FinalOption = False,
    again: AgainOption = False,
    device: DeviceOption = "auto",
    limit: LimitOption = None,
) -> None:
    """Measure the weights on PublicTest; with --final also on PrivateTest, once, and on both together.

    Earlier results for the same weights and data are kept.
    """
    if again and not final:
        raise RunError("--again measures PrivateTest again: give --final, too.")
    candidate, out_dir = _candidate(run, weights, out)
    splits = load_fer2013(data, (VALIDATION_SPLIT, TEST_SPLIT) if final else (VALIDATION_SPLIT,), limit)
    earlier = {} if again else earlier_results(out_dir, candidate.sha256, limit, splits)
    if final and TEST_SPLIT in earlier.get("splits", {}):
        typer.echo(f"{TEST_SPLIT} was measured with these weights already; reused, as --again was not given:")
        for name, known in earlier["splits"].items():
            typer.echo(f"{name}: accuracy {known['accuracy']:.2%} ({known['pictures']} pictures)")
        return
    evaluation = _evaluate(candidate, splits, device, limit)
    write_evaluation(evaluation, out_dir, earlier)
    for name, report in evaluation.splits.items():
        title = f"{candidate.backbone} on {name}: {report.accuracy:.2%} of {report.pictures} pictures right"
        plot_confusion(report.confusion, LABELS, out_dir / f"confusion-{name}.png", title)
        before, after = dataclasses.asdict(report.uncalibrated), dataclasses.asdict(report.calibrated)
        plot_reliability(before, after, out_dir / f"reliability-{name}.png", f"Reliability on {name}")
        typer.echo(f"{name}: {report.summary}")
    for name, accuracies in evaluation.robustness.items():
        typer.echo(f"{name} under " + ", ".join(f"{what}: {share:.2%}" for what, share in accuracies.items()))


@app.command()
def framing(
    data: Fer2013Option,
    run: SomeRunOption = None,
    weights: WeightsOption = None,
    out: OutOption = None,
    weights_dir: WeightsDirOption = WEIGHTS_DIR,
    limit: LimitOption = None,
) -> None:
    """Derive the crop rule from where the face detector finds PublicTest's faces, and compare it with others."""
    from training.emotion import framing as crops  # imports ultralytics, which takes seconds

    split = load_fer2013(data, (VALIDATION_SPLIT,), limit)[VALIDATION_SPLIT]
    (candidate, out_dir), detector = _candidate(run, weights, out), crops.load_detector(weights_dir)
    results = crops.compare_rules(candidate.network(CPU), detector, split)
    shas = {"weights_sha256": candidate.sha256, "detector_sha256": detector.card.sha256}
    write_json({**shas, **results}, out_dir / FRAMING)
    typer.echo(
        f"{results['found']} of {results['pictures']} faces found; "
        f"margin {results['margin']:.3f}, shift {results['shift_y']:.3f}"
    )
    for name, row in results["rules"].items():
        typer.echo(f"{name}: margin {row['margin']:.2f}, shift {row['shift_y']:.2f}, accuracy {row['accuracy']:.2%}")
    typer.echo(f"As FER2013 framed them: {results['as_framed']:.2%}. Written: {out_dir / FRAMING}")


@app.command()
def export(
    run: RunOption,
    data: Fer2013Option,
    weights_dir: WeightsDirOption = WEIGHTS_DIR,
    margin: Annotated[
        float | None, typer.Option("--margin", help="Crop rule; default: framing.json's, else the manifest's.")
    ] = None,
    shift_y: Annotated[float | None, typer.Option("--shift-y", help="As --margin.")] = None,
    device: DeviceOption = "auto",
    limit: LimitOption = None,
) -> None:
    """Write state, graphs, manifest entry and card; first measure on PublicTest if that has not been done."""
    candidate = candidate_of_run(run)
    known_dir = known_weights(weights_dir)
    measured = measured_rule(run / FRAMING, candidate.sha256, known_dir)
    crop = crop_rule(known_dir, margin, shift_y, measured)
    if kept := kept_from_manifest(margin, shift_y, measured):
        values = ", ".join(f"{name} {getattr(crop, name):g}" for name in kept)
        typer.echo(
            f"Note: the crop rule ({values}) is kept from {known_dir / MANIFEST}: it was not measured with these "
            "weights, and for which it was is not recorded; see `emotion framing`."
        )
    known = read_evaluation(run, candidate.sha256, limit)
    if known is None:
        splits = load_fer2013(data, (VALIDATION_SPLIT,), limit)
        earlier = earlier_results(run, candidate.sha256, limit, splits)
        write_evaluation(_evaluate(candidate, splits, device, limit), run, earlier)
        known = read_evaluation(run, candidate.sha256, limit) or {}
    if TEST_SPLIT not in known["splits"]:
        typer.echo(f"Note: no {TEST_SPLIT} figures yet; run evaluate --final and export again to put them in the card.")
    splits = load_fer2013(data, (TRAINING_SPLIT, VALIDATION_SPLIT), limit)
    card = export_emotion(candidate, known, crop, splits, weights_dir)
    typer.echo(f"Wrote {NAME} (sha256 {card.sha256[:12]}...) into {weights_dir}: state, graphs, manifest entry, card.")
    if card.artifacts.openvino_int8 is None:
        typer.echo(NO_INT8)
    take_along(weights_dir, typer.echo)


def _tell_kept(trainer: Trainer, title: str) -> None:
    """Draw the curves and say which epoch is kept."""
    kept, curves = trainer.kept, trainer.run_dir / "curves.png"
    plot_emotion_history(trainer.run_dir / HISTORY, curves, title, kept.epoch)
    typer.echo(f"Kept epoch {kept.epoch}: {kept.val_accuracy:.2%} of PublicTest right. Curves: {curves}")


def _candidate(run: Path | None, weights: Path | None, out: Path | None) -> tuple[EmotionCandidate, Path]:
    """Return the weights that the options name, and the folder for the results."""
    if (run is None) == (weights is None):
        raise RunError("Give either --run or --weights.")
    if run is not None:
        return candidate_of_run(run), out or run
    if weights is None or out is None:
        raise RunError("With --weights, give --out for the results.")
    return candidate_of_file(weights), out


def _evaluate(
    candidate: EmotionCandidate, splits: dict[str, EmotionSplit], device: str, limit: int | None
) -> Evaluation:
    """Predict in float32 and report each split, and several together, with the robustness."""
    where = resolve_device(device)
    model = candidate.network(where)
    logits = {name: predict_logits(model, split, where, bf16=False) for name, split in splits.items()}
    robustness = measure_robustness(model, splits, where)
    together, whole = join_all(splits)
    logits[together] = torch.cat(list(logits.values()))
    return evaluate_splits(logits, {**splits, together: whole}, candidate.sha256, limit, robustness)
