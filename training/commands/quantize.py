"""`python -m training quantize ...`: the exported networks in 8-bit integers, for OpenVINO."""

import json
from pathlib import Path

import typer

from app.weights import Int8Files
from training.commands.options import WEIGHTS_DIR, FacesOption, Fer2013Option, LimitOption, WeightsDirOption

app = typer.Typer(no_args_is_help=True, help="Exported networks in 8-bit integers, for MIEN_PRECISION=int8.")


@app.command()
def detector(data: FacesOption, weights_dir: WeightsDirOption = WEIGHTS_DIR) -> None:
    """Write the face detector in int8 too, unless its AP on the val split loses more than half a point."""
    from training.detector.quantize import quantize_detector

    _tell(quantize_detector(data, weights_dir), weights_dir)


@app.command()
def emotion(data: Fer2013Option, weights_dir: WeightsDirOption = WEIGHTS_DIR, limit: LimitOption = None) -> None:
    """Write My_model in int8 too, unless its accuracy on PublicTest loses more than half a point."""
    from training.emotion.data import TRAINING_SPLIT, VALIDATION_SPLIT, load_fer2013
    from training.emotion.quantize import quantize_emotion

    splits = load_fer2013(data, (TRAINING_SPLIT, VALIDATION_SPLIT), limit)
    _tell(quantize_emotion(splits[TRAINING_SPLIT], splits[VALIDATION_SPLIT], weights_dir), weights_dir)


def _tell(files: Int8Files, weights_dir: Path) -> None:
    typer.echo(f"Wrote {weights_dir / files.graph}, {weights_dir / files.weights} and their part of entry and card.")
    typer.echo(json.dumps(files.metrics))
