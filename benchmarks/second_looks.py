"""What second looks find, change and cost, on pictures that a folder holds.

`python -m benchmarks.second_looks FOLDER` prints JSON. The folder is a detector's data set as `training detector data`
makes it (`images/val`, `labels/val`). Photos that packages bring are added. Pictures without faces are those whose name
begins with `neg_`, and crops of them: as many as there must be. Costs are canvas pixels, not time, so that other work
on the machine does not matter.
"""

import argparse
import json
import random
import sys
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from app.config import Settings
from app.faces.pipeline import Pipeline
from app.faces.types import Detection, DetectOptions, Face, ImageFaces
from app.manifest import EMOTION
from app.pictures.open import decode_image
from app.pictures.types import Image
from app.runtimes.choose import choose_runtime
from app.runtimes.protocol import Array, Network, Runtime
from app.weights import NetworkFiles, default_weights_dir

MAX_PIXELS = 50_000_000
TURNED, KEPT, WITHOUT, CLOSE = 150, 200, 500, 60
MARGINS, SIDES_PX = (0.0, 0.05, 0.1, 0.2), (200, 400, 700, 1200)
CLOSE_LEAST_PX = 110
SAME_FACE = 0.5
OFF, ON = DetectOptions(second_looks=False), DetectOptions()


class Counting:
    """A runtime that counts the canvas pixels which the detector sees.

    Args:
        runtime: Runs the networks.
    """

    name = "counting"

    def __init__(self, runtime: Runtime) -> None:
        self._runtime, self.pixels = runtime, 0

    @property
    def description(self) -> str:
        """The runtime's."""
        return self._runtime.description

    def open(self, network: NetworkFiles) -> Network:
        """Open a network; see `Runtime`."""
        run = self._runtime.open(network)
        if network.card.task != "find":
            return run

        def count(batch: Array) -> tuple[Array, ...]:
            self.pixels += int(np.prod(batch.shape[:3]))
            return run(batch)

        return count


class Bench:
    """A pipeline, and the pictures.

    Args:
        folder: The data set.
        seed: Chooses pictures and crops.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        settings = Settings()
        self._counting = Counting(
            choose_runtime(settings.runtime, settings.device, settings.precision, settings.threads)
        )
        self.pipeline = Pipeline.load(settings.weights_dir or default_weights_dir(), self._counting)
        self._labels = folder / "labels" / "val"
        names = sorted((folder / "images" / "val").iterdir())
        self.with_faces = [each for each in names if not each.name.startswith("neg_")]
        self.without = [each for each in names if each.name.startswith("neg_")]
        self.random = random.Random(seed)  # noqa: S311 - chooses pictures
        self.random.shuffle(self.with_faces)

    def detect(self, image: Image, options: DetectOptions) -> tuple[ImageFaces, int]:
        """Return the answer, and the canvas pixels that it took."""
        before = self._counting.pixels
        [found] = self.pipeline.detect([np.ascontiguousarray(image)], [options])
        return found, self._counting.pixels - before

    def turned(self) -> dict[str, Any]:
        """Turn photos: which faces of the upright photo are found again, with which label."""
        photos = [read(each) for each in (*package_photos(), *self.with_faces[:TURNED])]
        rows = {name: [0, 0, 0] for name in ("off", "on")}
        for photo in photos:
            upright = self.detect(photo, OFF)[0].faces
            for quarters in (1, 2, 3):
                image = np.rot90(photo, -quarters)
                for name, options in (("off", OFF), ("on", ON)):
                    found = self.detect(image, options)[0]
                    pairs = [matched(face, found.faces, photo.shape, quarters) for face in upright]
                    rows[name][0] += len(upright)
                    rows[name][1] += sum(pair is not None for pair in pairs)
                    rows[name][2] += sum(
                        pair is not None and label(pair) == label(face)
                        for pair, face in zip(pairs, upright, strict=True)
                    )
        return {
            name: {"photos": len(photos), "faces": all_, "found": found / all_, "same_label": same / max(1, found)}
            for name, (all_, found, same) in rows.items()
        }

    def kept(self) -> dict[str, Any]:
        """Look again at upright pictures: which answers change, and what it costs."""
        changed, off, on, free = [], 0, 0, 0
        for path in self.with_faces[:KEPT]:
            (before, cost), (after, more) = (self.detect(read(path), each) for each in (OFF, ON))
            off, on, free = off + cost, on + more, free + (cost == more)
            if before.faces != after.faces:
                changed.append(path.name)
        return {"pictures": KEPT, "changed": changed, "cost": on / off, "share_without_second_look": free / KEPT}

    def none(self) -> dict[str, Any]:
        """Look again at pictures without faces: false alarms and cost."""
        alarms, costs = {"off": 0, "on": 0}, []
        for image in self._faceless():
            (before, cost), (after, more) = (self.detect(image, each) for each in (OFF, ON))
            alarms["off"] += bool(before.faces)
            alarms["on"] += bool(after.faces)
            costs.append(more / cost)
        over = sum(each > 2.5 for each in costs)
        figures = {"mean": float(np.mean(costs)), "median": float(np.median(costs)), "max": max(costs)}
        return {"pictures": len(costs), "alarms": alarms, "cost": figures, "over_the_bound": over}

    def close(self) -> dict[str, Any]:
        """Crop faces closely: which are found."""
        found = {name: dict.fromkeys(MARGINS, 0) for name in ("off", "on")}
        cases = [case for path in self.with_faces if (case := self._large_face(path)) is not None][:CLOSE]
        for index, (path, box) in enumerate(cases):
            for margin in MARGINS:
                image, inner = close_up(read(path), box, margin, SIDES_PX[index % len(SIDES_PX)])
                for name, options in (("off", OFF), ("on", ON)):
                    faces = self.detect(image, options)[0].faces
                    found[name][margin] += any(overlap(face.detection.xyxy, inner) >= SAME_FACE for face in faces)
        return {name: {str(m): count / len(cases) for m, count in rows.items()} for name, rows in found.items()}

    def _faceless(self) -> Iterator[Image]:
        for index in range(WITHOUT):
            image = read(self.without[index % len(self.without)])
            if index >= len(self.without):
                height, width = (round(side * self.random.uniform(0.35, 0.8)) for side in image.shape[:2])
                top, left = (
                    self.random.randint(0, whole - side)
                    for whole, side in zip(image.shape[:2], (height, width), strict=True)
                )
                image = image[top : top + height, left : left + width]
            yield image

    def _large_face(self, path: Path) -> tuple[Path, tuple[float, ...]] | None:
        height, width = read(path).shape[:2]
        for line in (self._labels / f"{path.stem}.txt").read_text().splitlines():
            x, y, w, h = (float(each) for each in line.split()[1:])
            if min(w * width, h * height) >= CLOSE_LEAST_PX:
                return path, ((x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height)
        return None


def read(path: Path) -> Image:
    """Decode a picture as the service does."""
    return decode_image(path.read_bytes(), MAX_PIXELS)


def package_photos() -> list[Path]:
    """Return the photos with faces that installed packages bring."""
    beside = [Path(str(files(name))) for name in ("skimage", "matplotlib", "ultralytics")]
    return [
        beside[0] / "data" / "astronaut.png",
        beside[1] / "mpl-data" / "sample_data" / "grace_hopper.jpg",
        beside[2] / "assets" / "bus.jpg",
        beside[2] / "assets" / "zidane.jpg",
    ]


def matched(face: Face, found: tuple[Face, ...], size: tuple[int, ...], quarters: int) -> Face | None:
    """Return the face of the photo turned clockwise that lies where the upright photo's was turned to."""
    left, top, right, bottom = face.detection.xyxy
    height, width = size[:2]
    for _ in range(quarters):
        left, top, right, bottom, width, height = height - bottom, left, height - top, right, height, width
    best = max(found, key=lambda each: overlap(each.detection.xyxy, (left, top, right, bottom)), default=None)
    return best if best and overlap(best.detection.xyxy, (left, top, right, bottom)) >= SAME_FACE else None


def label(face: Face) -> str:
    """Return the face's emotion."""
    return face.answers[EMOTION].best[0]


def overlap(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Return the intersection over union of two boxes."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(0.0, width) * max(0.0, height)
    areas = [(right - left) * (bottom - top) for left, top, right, bottom in (one, other)]
    return shared / (sum(areas) - shared)


def close_up(
    image: Image, box: tuple[float, ...], margin: float, side_px: int
) -> tuple[Image, tuple[float, float, float, float]]:
    """Crop a face with a margin on each side, scale it, and return it with the face's box in it."""
    more = margin * max(box[2] - box[0], box[3] - box[1])
    left, top = max(0, round(box[0] - more)), max(0, round(box[1] - more))
    part = image[top : round(box[3] + more), left : round(box[2] + more)]
    scale = side_px / max(part.shape[:2])
    size = (round(part.shape[1] * scale), round(part.shape[0] * scale))
    resized: Image = cv2.resize(part, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    inner = Detection((max(0.0, box[0] - left), max(0.0, box[1] - top), box[2] - left, box[3] - top), 1.0).scaled(
        scale, scale
    )
    return resized, inner.xyxy


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=("turned", "kept", "none", "close"))
    asked = parser.parse_args()
    bench = Bench(asked.folder, asked.seed)
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "turned": bench.turned,
        "kept": bench.kept,
        "none": bench.none,
        "close": bench.close,
    }
    sys.stdout.write(f"{bench.pipeline.runtime}, seed {asked.seed}\n")
    for name, measure in parts.items():
        if asked.only in (None, name):
            sys.stdout.write(json.dumps({name: measure()}) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
