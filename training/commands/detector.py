"""`python -m training detector ...`: train, evaluate and export the face detector.

ultralytics takes seconds to import, so each command imports what needs it.
"""

import dataclasses
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from app.manifest import EMOTION
from training.commands.options import NO_INT8, WEIGHTS_DIR, FacesOption, WeightsDirOption
from training.deployed import read_payload
from training.detector.recipe import DEFAULT_IOU_THRESHOLD, DEFAULT_SCORE_THRESHOLD, RECIPES
from training.errors import RunError
from training.manifest_entry import CLASSIFY, FIND, known_entry, state_sha256
from training.plots import plot_detector_history, plot_precision_recall
from training.take_along import take_along


class RecipeName(StrEnum):
    """The keys of RECIPES."""

    WINDOWS = "windows"
    WHOLE = "whole"
    FULL = "full"


app = typer.Typer(no_args_is_help=True, help="YOLOv8n, the face detector.")

TRUST = "Trust it: its checkpoints are ultralytics' pickles, which can run code when they are read."
RunOption = Annotated[Path, typer.Option("--run", help=f"Folder of the run: checkpoints, results, figures. {TRUST}")]
DeviceOption = Annotated[str, typer.Option("--device", help="auto, cpu, or the index of a CUDA device.")]
SizeOption = Annotated[int, typer.Option("--imgsz", min=32, help="Side of the input in pixels, a multiple of 32.")]
BatchOption = Annotated[int, typer.Option("--batch", min=1, help="Pictures at once.")]
ScoreOption = Annotated[float, typer.Option("--score-threshold", min=0, max=1, help="The server's lowest score.")]
StartOption = Annotated[
    Path | None, typer.Option("--start", help="The run's start weights, to blend a share of them in.")
]
ShareOption = Annotated[float, typer.Option("--start-share", min=0, max=1, help="Share of the start weights.")]
NmsOption = Annotated[float, typer.Option("--iou-threshold", min=0, max=1, help="The server's NMS overlap.")]


@app.command()
def train(
    data: FacesOption,
    run: RunOption,
    recipe: Annotated[RecipeName, typer.Option("--recipe", help="All choices of the training.")] = RecipeName.WINDOWS,
    start: Annotated[Path | None, typer.Option("--start", help="Safetensors state of a YOLOv8n to start from.")] = None,
    epochs: Annotated[
        int | None, typer.Option("--epochs", min=1, help="Override the recipe's number of epochs.")
    ] = None,
    imgsz: Annotated[
        int | None, typer.Option("--imgsz", min=32, help="Override the recipe's picture size (px).")
    ] = None,
    window: Annotated[
        int | None, typer.Option("--window", min=32, help="Override the recipe's window size (px).")
    ] = None,
    batch: Annotated[int | None, typer.Option("--batch", min=1, help="Override the recipe's batch size.")] = None,
    device: DeviceOption = "auto",
) -> None:
    """Train, or resume the run in the folder, which needs the same recipe, start weights and data."""
    from training.detector.train import RESULTS, train_detector

    given = {"epochs": epochs, "imgsz": imgsz, "window_px": window, "batch": batch}
    other: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    best = train_detector(data, run, dataclasses.replace(RECIPES[recipe.value], **other), start, device)
    plot_detector_history(run / RESULTS, run / "curves.png", "YOLOv8n, one class: face")
    typer.echo(f"Best weights: {best}. Curves: {run / 'curves.png'}")


@app.command()
def evaluate(
    context: typer.Context,
    data: Annotated[Path | None, typer.Option("--data", help="Data set in YOLO format: images/ and labels/.")] = None,
    run: Annotated[
        Path | None, typer.Option("--run", help=f"Folder of a run; its best epoch is taken. {TRUST}")
    ] = None,
    weights: Annotated[Path | None, typer.Option("--weights", help="An exported .safetensors file.")] = None,
    start: StartOption = None,
    start_share: ShareOption = 0.0,
    out: Annotated[Path | None, typer.Option("--out", help="Where results go; by default the run's folder.")] = None,
    imgsz: SizeOption = 640,
    batch: BatchOption = 16,
    score_threshold: ScoreOption = DEFAULT_SCORE_THRESHOLD,
    iou_threshold: NmsOption = DEFAULT_IOU_THRESHOLD,
    wider: Annotated[
        Path | None, typer.Option("--wider", help="WIDER FACE: its folder with WIDER_val/ and the .mat lists.")
    ] = None,
    device: DeviceOption = "auto",
) -> None:
    """Measure precision, recall and AP on --data's val split; or with --wider, that set's easy, medium and hard AP."""
    from training.detector.blend import blended_payload

    if (data is None) == (wider is None):
        raise RunError("Give either --data or --wider.")
    if wider is not None:
        _refuse(context, ("batch", "score_threshold"), "with --wider, which reads all scores, picture by picture")
    if (run is None) == (weights is None):
        raise RunError("Give either --run or --weights.")
    out_dir = out or run
    if out_dir is None:
        raise RunError("With --weights, give --out for the results.")
    if run is not None:
        payload = blended_payload(run, start, start_share)
    else:
        _refuse(context, ("start", "start_share"), "with --weights")
        payload = read_payload(weights or out_dir)
    if data is not None:
        _evaluate(payload, data, out_dir, imgsz, batch, score_threshold, iou_threshold, device)
    if wider is not None:
        _evaluate_wider(payload, wider, out_dir, imgsz, iou_threshold, device)


@app.command()
def export(
    run: RunOption,
    data: FacesOption,
    weights_dir: WeightsDirOption = WEIGHTS_DIR,
    start: StartOption = None,
    start_share: ShareOption = 0.0,
    imgsz: SizeOption = 640,
    batch: BatchOption = 16,
    score_threshold: ScoreOption = DEFAULT_SCORE_THRESHOLD,
    iou_threshold: NmsOption = DEFAULT_IOU_THRESHOLD,
    device: DeviceOption = "auto",
    data_note: Annotated[
        list[str] | None,
        typer.Option("--data-note", help="For the card: what it was trained on, and its terms; may be repeated."),
    ] = None,
) -> None:
    """Write state, graphs, manifest entry and card; first measure on the val split if that has not been done."""
    from app.weights import sha256_of
    from training.detector.blend import blended_payload
    from training.detector.card import NAME
    from training.detector.data import data_sha256
    from training.detector.evaluate import VAL, read_evaluation
    from training.detector.export import export_detector, training_of_run

    payload, about = blended_payload(run, start, start_share), training_of_run(run)
    if start_share > 0:
        about["start_share"] = start_share
    sha256 = sha256_of(payload)
    known = read_evaluation(run, sha256)
    wanted = {
        "data_sha256": data_sha256(data, VAL),
        "imgsz": imgsz,
        "score_threshold": score_threshold,
        "iou_threshold": iou_threshold,
    }
    if known is None or any(known.get(name) != value for name, value in wanted.items()):
        _evaluate(payload, data, run, imgsz, batch, score_threshold, iou_threshold, device)
        known = read_evaluation(run, sha256) or {}
    before = known_entry(weights_dir, FIND)
    card = export_detector(payload, about, known, data_note or (), data, weights_dir)
    typer.echo(f"Wrote {NAME} (sha256 {card.sha256[:12]}...) into {weights_dir}: state, graphs, manifest entry, card.")
    if card.artifacts.openvino_int8 is None:
        typer.echo(NO_INT8)
    _complete(before, card.sha256, weights_dir)


@app.command("import")
def import_(
    checkpoint: Annotated[Path, typer.Argument(help="An ultralytics .pt file of a YOLOv8n with one class.")],
    pictures: Annotated[
        Path,
        typer.Option("--pictures", help="Folder with photos of faces, to compare the graph on."),
    ],
    weights_dir: WeightsDirOption = WEIGHTS_DIR,
    imgsz: SizeOption = 640,
    score_threshold: ScoreOption = DEFAULT_SCORE_THRESHOLD,
    iou_threshold: NmsOption = DEFAULT_IOU_THRESHOLD,
    trust: Annotated[bool, typer.Option("--trust", help="Run the code that the file may hold.")] = False,
) -> None:
    """Turn a third-party checkpoint into the server's weights; it is a pickle and can run code: trust its source."""
    from training.detector.card import NAME
    from training.detector.data import picture_files
    from training.detector.imported import import_detector

    if not trust:
        raise RunError(
            f"{checkpoint} is a pickle: reading it can run any code. If you trust where it comes from, add --trust."
        )
    before = known_entry(weights_dir, FIND)
    card = import_detector(checkpoint, picture_files(pictures), weights_dir, imgsz, score_threshold, iou_threshold)
    typer.echo(f"Wrote {NAME} (sha256 {card.sha256[:12]}...) into {weights_dir}: state, graph, manifest entry, card.")
    _complete(before, card.sha256, weights_dir)


def _complete(before: Mapping[str, Any], sha256: str, weights_dir: Path) -> None:
    """Take the other networks along, and say that the manifest's crop rule is of another detector.

    The rule depends on how a detector draws its boxes.
    """
    take_along(weights_dir, typer.echo)
    if known_entry(weights_dir, CLASSIFY, EMOTION) and state_sha256(before) != sha256:
        typer.echo("Note: the manifest's crop rule was not measured with this detector; see `emotion framing`.")


def _refuse(context: typer.Context, names: tuple[str, ...], why: str) -> None:
    """Refuse options that have no effect beside another one."""
    for name in names:
        source = context.get_parameter_source(name)
        if source is not None and source.name != "DEFAULT":
            raise RunError(f"--{name.replace('_', '-')} has no effect {why}: leave it out.")


def _evaluate(
    payload: bytes,
    data: Path,
    out_dir: Path,
    imgsz: int,
    batch: int,
    score_threshold: float,
    iou_threshold: float,
    device: str,
) -> None:
    """Measure, draw and print."""
    from training.detector.evaluate import CURVES, evaluate_detector

    result = evaluate_detector(payload, data, out_dir, imgsz, batch, device, score_threshold, iou_threshold)
    title = f"Face detector on val: AP50 {result.ap50:.1%}, AP50-95 {result.ap50_95:.1%}"
    plot_precision_recall(out_dir / CURVES, out_dir / "precision-recall.png", title)
    typer.echo(
        f"val: precision {result.precision:.2%}, recall {result.recall:.2%}, AP50 {result.ap50:.2%}, "
        f"AP50-95 {result.ap50_95:.2%} ({result.faces} faces in {result.pictures} pictures, {imgsz} px); "
        f"at score {score_threshold}: precision {result.precision_at_threshold:.2%}, "
        f"recall {result.recall_at_threshold:.2%}"
    )
    for name, size in result.by_size.items():
        if size.ap50 is not None:
            typer.echo(f"faces {name}{' px' if name != 'all' else ''}: AP50 {size.ap50:.2%} ({size.faces} faces)")


def _evaluate_wider(payload: bytes, wider: Path, out_dir: Path, imgsz: int, iou_threshold: float, device: str) -> None:
    from training.detector.wider_run import evaluate_wider

    with Progress(console=Console(stderr=True), transient=True) as progress:
        result = evaluate_wider(payload, wider, out_dir, imgsz, iou_threshold, device, progress)
    levels = ", ".join(f"{level} {ap:.2%}" for level, ap in result.average_precision.items())
    typer.echo(f"WIDER FACE val at {imgsz} px: AP {levels} ({result.pictures} pictures)")
