#!/usr/bin/env python3
"""Makes docs/training-runs/detector/photos.jpg: what this checkout's face detector gets right and what it does not.

    .venv/bin/python scripts/detector_pictures.py

The photos ship inside packages of the extra `dev`. A person counted the faces in each; the rest is the detector's, at
its default threshold.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from app.config import Settings  # noqa: E402 - found only through the path above
from app.faces.pipeline import Pipeline  # noqa: E402
from app.faces.types import DetectOptions  # noqa: E402
from app.main import load_pipeline  # noqa: E402
from tests.support.photos import astronaut, photo_path  # noqa: E402

WIDTH_PX, HEIGHT_PX, CAPTION_PX, COLUMNS = 400, 330, 40, 4


@dataclass(frozen=True)
class Case:
    """A picture and what a person sees in it."""

    what: str
    picture: Image.Image
    faces: int


def photo(name: str) -> Image.Image:
    """Open a photo."""
    return Image.open(photo_path(name)).convert("RGB")


def cases() -> list[Case]:
    """Return a row of easier cases and a row of harder ones."""
    return [
        Case("astronaut", photo("astronaut"), 1),
        Case("turned by 30 degrees, face of 24 px", astronaut(24, 30), 1),
        Case("Grace Hopper", photo("grace_hopper"), 1),
        Case("zidane", photo("zidane"), 2),
        Case("bus: a third in profile at the edge", photo("bus"), 3),
        Case("turned by 30 degrees, face of 12 px", astronaut(12, 30), 1),
        Case("a cat", photo("chelsea"), 0),
        Case("Zidane, cut out", photo("zidane").crop((460, 207, 740, 487)), 1),
    ]


def panel(pipeline: Pipeline, case: Case) -> Image.Image:
    """Draw boxes and scores, and write below what was found."""
    [found] = pipeline.detect([np.asarray(case.picture)], [DetectOptions()])
    detections = [face.detection for face in found.faces]
    scale = min(WIDTH_PX / case.picture.width, HEIGHT_PX / case.picture.height)
    shown = case.picture.resize((round(case.picture.width * scale), round(case.picture.height * scale)))
    draw, font = ImageDraw.Draw(shown), ImageFont.load_default(14)
    for each in detections:
        left, top, right, bottom = (value * scale for value in each.xyxy)
        draw.rectangle((left, top, right, bottom), outline="#2e9e4f", width=2)
        draw.text(
            (left, max(0, top - 17)),
            f"{each.score:.2f}",
            fill="white",
            font=font,
            stroke_width=2,
            stroke_fill="#2e9e4f",
        )
    canvas = Image.new("RGB", (WIDTH_PX, HEIGHT_PX + CAPTION_PX), "white")
    canvas.paste(shown, ((WIDTH_PX - shown.width) // 2, (HEIGHT_PX - shown.height) // 2))
    verdict = f"{len(detections)} found, {case.faces} there"
    right = len(detections) == case.faces
    text = ImageDraw.Draw(canvas)
    text.text((8, HEIGHT_PX + 2), case.what, fill="black", font=font)
    text.text((8, HEIGHT_PX + 19), verdict, fill="#2e9e4f" if right else "#c0392b", font=font)
    return canvas


def main() -> None:
    """Write the sheet."""
    pipeline = load_pipeline(Settings(device="cpu", precision="fp32"))
    panels = [panel(pipeline, case) for case in cases()]
    rows = -(-len(panels) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * WIDTH_PX, rows * (HEIGHT_PX + CAPTION_PX)), "white")
    for index, each in enumerate(panels):
        sheet.paste(each, (index % COLUMNS * WIDTH_PX, index // COLUMNS * (HEIGHT_PX + CAPTION_PX)))
    sheet.save(ROOT / "docs" / "training-runs" / "detector" / "photos.jpg", quality=85)


if __name__ == "__main__":
    main()
