"""What several commands take, written once."""

from pathlib import Path
from typing import Annotated

import typer

Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:N.")]
MaxFaces = Annotated[int | None, typer.Option(min=1, help="At most this many faces, largest first.")]
MinFacePx = Annotated[float, typer.Option(min=0, help="Leave out smaller faces.")]
ScoreThreshold = Annotated[float | None, typer.Option(min=0.05, max=1, help="Lowest confidence.")]
Report = Annotated[
    Path | None, typer.Option(help="HTML file, or a folder for it, that says what was found, for people; no scripts.")
]
WithPictures = Annotated[bool, typer.Option("--with-pictures", help="The report may show the pictures and faces.")]
AttributeList = Annotated[
    str | None, typer.Option(help="What to say of each face besides its emotion, comma-separated, such as gender.")
]
SecondLooks = Annotated[bool, typer.Option(help="Look again where nothing sure is found, such as at turned faces.")]
