"""`python -m training detector ...`: train, evaluate and export the face detector.

ultralytics takes seconds to import, so each command imports what needs it.
"""

from pathlib import Path
from typing import Annotated

import typer

from training.deployed import read_payload
from training.errors import RunError
from training.plots import plot_detector_history, plot_precision_recall

app = typer.Typer(no_args_is_help=True, help="YOLOv8n, the face detector.")

DataOption = Annotated[Path, typer.Option("--data", help="Data set in YOLO format: images/ and labels/.")]
RunOption = Annotated[Path, typer.Option("--run", help="Folder of the run: checkpoints, results, figures.")]
DeviceOption = Annotated[str, typer.Option("--device", help="auto, cpu, or CUDA indices such as 0 or 0,1.")]
SizeOption = Annotated[int, typer.Option("--imgsz", min=32, help="Side of the input in pixels, a multiple of 32.")]
BatchOption = Annotated[int, typer.Option("--batch", min=1, help="Pictures at once.")]
ScoreOption = Annotated[float, typer.Option("--score-threshold", min=0, max=1, help="The server's lowest score.")]


@app.command()
def train(
    data: DataOption,
    run: RunOption,
    start: Annotated[Path | None, typer.Option("--start", help="Safetensors state of a YOLOv8n to start from.")] = None,
    epochs: Annotated[int | None, typer.Option("--epochs", min=1, help="Passes over the train split.")] = None,
    imgsz: Annotated[int | None, typer.Option("--imgsz", min=32, help="Side of the training pictures.")] = None,
    batch: Annotated[int | None, typer.Option("--batch", min=1, help="Pictures a step.")] = None,
    device: DeviceOption = "auto",
) -> None:
    """Train, or resume the run in the folder; what is not given is the recipe's."""
    from training.detector.train import RESULTS, DetectorRecipe, train_detector

    given = {"epochs": epochs, "imgsz": imgsz, "batch": batch}
    recipe = DetectorRecipe(**{name: value for name, value in given.items() if value is not None})
    best = train_detector(data, run, recipe, start, device)
    plot_detector_history(run / RESULTS, run / "curves.png", "YOLOv8n, one class: face")
    typer.echo(f"Best weights: {best}. Curves: {run / 'curves.png'}")


@app.command()
def evaluate(
    data: DataOption,
    run: Annotated[Path | None, typer.Option("--run", help="Folder of a run; its best epoch is taken.")] = None,
    weights: Annotated[Path | None, typer.Option("--weights", help="An exported .safetensors file.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Where results go; by default the run's folder.")] = None,
    imgsz: SizeOption = 640,
    batch: BatchOption = 16,
    score_threshold: ScoreOption = 0.4,
    device: DeviceOption = "auto",
) -> None:
    """Measure precision, recall, AP50 and AP50-95 on the val split."""
    from training.detector.export import payload_of_run

    if (run is None) == (weights is None):
        raise RunError("Give either --run or --weights.")
    out_dir = out or run
    if out_dir is None:
        raise RunError("With --weights, give --out for the results.")
    payload = payload_of_run(run)[0] if weights is None and run is not None else read_payload(weights or out_dir)
    _evaluate(payload, data, out_dir, imgsz, batch, score_threshold, device)


@app.command()
def export(
    run: RunOption,
    data: DataOption,
    weights_dir: Annotated[Path, typer.Option("--weights-dir", help="Where the server's weights lie.")] = Path(
        "weights"
    ),
    imgsz: SizeOption = 640,
    batch: BatchOption = 16,
    score_threshold: ScoreOption = 0.4,
    iou_threshold: Annotated[float, typer.Option("--iou-threshold", min=0, max=1, help="The server's NMS.")] = 0.5,
    device: DeviceOption = "auto",
) -> None:
    """Write fp16 weights, manifest entry and card; measure on the val split first where that is not done yet."""
    from app.vision.weights import sha256_of
    from training.detector.evaluate import read_evaluation
    from training.detector.export import WEIGHTS_FILE, export_detector, payload_of_run

    payload, about = payload_of_run(run)
    sha256 = sha256_of(payload)
    known = read_evaluation(run, sha256)
    if known is None or (known["imgsz"], known["score_threshold"]) != (imgsz, score_threshold):
        _evaluate(payload, data, run, imgsz, batch, score_threshold, device)
        known = read_evaluation(run, sha256) or {}
    card = export_detector(payload, about, known, weights_dir, score_threshold, iou_threshold)
    typer.echo(f"Wrote {weights_dir / WEIGHTS_FILE} (sha256 {card.sha256[:12]}...), manifest entry and card.")


def _evaluate(
    payload: bytes, data: Path, out_dir: Path, imgsz: int, batch: int, score_threshold: float, device: str
) -> None:
    """Measure, draw and say."""
    from training.detector.evaluate import CURVES, evaluate_detector

    result = evaluate_detector(payload, data, out_dir, imgsz, batch, device, score_threshold)
    title = f"Face detector on val: AP50 {result.ap50:.1%}, AP50-95 {result.ap50_95:.1%}"
    plot_precision_recall(out_dir / CURVES, out_dir / "precision-recall.png", title)
    typer.echo(
        f"val: precision {result.precision:.2%}, recall {result.recall:.2%}, AP50 {result.ap50:.2%}, "
        f"AP50-95 {result.ap50_95:.2%} ({result.faces} faces in {result.pictures} pictures, {imgsz} px); "
        f"at score {score_threshold}: precision {result.precision_at_threshold:.2%}, "
        f"recall {result.recall_at_threshold:.2%}"
    )
