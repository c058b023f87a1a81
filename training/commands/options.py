"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

WEIGHTS_DIR = Path("weights")
WeightsDirOption = Annotated[Path, typer.Option("--weights-dir", help="Where the server's weights lie.")]
Fer2013Option = Annotated[Path, typer.Option("--data", help="fer2013.csv, or the folder with train/ and test/.")]
FacesOption = Annotated[Path, typer.Option("--data", help="Data set in YOLO format: images/ and labels/.")]
LimitOption = Annotated[int | None, typer.Option("--limit", min=1, help="Rehearsal: so many pictures of each split.")]
NO_INT8 = "Note: the 8-bit graph loses more than half a point and was not written; `quantize` says how much."
DeviceOption = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:N.")]
