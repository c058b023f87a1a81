"""The ways to train the face detector, as plain values."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from training.errors import RunError
from training.files import read_json, write_json
from training.identity import check_identity

RECIPE_FILE = "recipe.json"
LARGEST_STRIDE = 32

DEFAULT_SCORE_THRESHOLD, DEFAULT_IOU_THRESHOLD = 0.38, 0.5
"""The server's default: see docs/experiments/detector.md."""


def check_size(side_px: int) -> None:
    """Refuse a side that ultralytics would round.

    Raises:
        RunError: If it is not a multiple of YOLOv8's largest stride.
    """
    if side_px % LARGEST_STRIDE:
        raise RunError(f"A side of {side_px} pixels is not a multiple of {LARGEST_STRIDE}.")


@dataclass(frozen=True)
class DetectorRecipe:
    """The choices of one detector run; `imgsz`, `lr0`, `lrf` and their like are ultralytics' own names.

    Attributes:
        name: What the command line calls it.
        epochs: Passes over the train split.
        imgsz: Longer side of the pictures in pixels, for loading and for validation.
        window_px: Side of the window cut out of them for a step. One smaller than `imgsz` costs less at the same face
            size.
        batch: Windows per optimizer step.
        lr0: AdamW's peak learning rate.
        lrf: Share of it that a half cosine over all epochs falls to; the last epoch is one step before that end.
        warmup_epochs: Linear warm-up from 0.
        mosaic: Share of the windows cut from four pictures put together.
        zoom: Smallest and largest zoom.
        degrees: Largest rotation either way.
        degrade: Share of the windows that get each degradation of `augment.Degrade`.
        close_mosaic: How many epochs at the end have no mosaics.
        seed: Fixes order and augmentation; on a GPU, sums still differ from run to run.
    """

    name: str
    epochs: int
    imgsz: int
    window_px: int
    batch: int
    lr0: float
    lrf: float
    warmup_epochs: float
    mosaic: float
    zoom: tuple[float, float]
    degrees: float
    degrade: float
    close_mosaic: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse sides that ultralytics would round.

        Raises:
            RunError: If one is not a multiple of YOLOv8's largest stride.
        """
        check_size(self.imgsz)
        check_size(self.window_px)


WINDOWS = DetectorRecipe(
    name="windows",
    epochs=40,
    imgsz=640,
    window_px=320,
    batch=16,
    lr0=0.001,
    lrf=0.02,
    warmup_epochs=0.5,
    mosaic=1.0,
    zoom=(0.3, 1.1),
    degrees=30.0,
    degrade=0.1,
)
"""Most of the training: the network sees a quarter of the pixels of a 640 px picture."""

WHOLE = replace(
    WINDOWS,
    name="whole",
    epochs=4,
    window_px=640,
    batch=8,
    lr0=0.0002,
    warmup_epochs=0.1,
    mosaic=0.3,
    zoom=(0.6, 1.4),
    degrees=20.0,
)
"""The second stage, from the weights of `windows`: mostly single whole pictures, so that faces may fill them."""

FULL = replace(
    WINDOWS,
    name="full",
    epochs=48,
    window_px=640,
    batch=64,
    lr0=0.0015,
    lrf=0.01,
    mosaic=0.7,
    zoom=(0.4, 1.4),
    close_mosaic=12,
)
"""For a GPU, both kinds of picture in one stage: 640 pixels throughout, single pictures at the end."""

RECIPES: dict[str, DetectorRecipe] = {recipe.name: recipe for recipe in (WINDOWS, WHOLE, FULL)}


def write_recipe(recipe: DetectorRecipe, identity: Mapping[str, str | None], run_dir: Path) -> None:
    """Record what a run was started with in its folder, for resuming it and for the model card.

    Args:
        recipe: Its choices.
        identity: `start_sha256` of its start weights (None: from scratch), `data_sha256` of its data.
        run_dir: Its folder.
    """
    write_json({**identity, **asdict(recipe)}, run_dir / RECIPE_FILE)


def read_recipe(run_dir: Path) -> tuple[DetectorRecipe, str | None]:
    """Return the recipe of a run, and the hash of the weights that it started from (None: from scratch).

    Raises:
        RunError: If the folder has none, or it is not in this version's format.
    """
    recipe, identity = _read(run_dir)
    return recipe, identity["start_sha256"]


def check_resumed(recipe: DetectorRecipe, identity: Mapping[str, str | None], run_dir: Path) -> None:
    """Refuse to go on with choices other than those that the run in the folder was started with.

    Args:
        recipe: The recipe requested now.
        identity: As for `write_recipe`.
        run_dir: The run's folder.

    Raises:
        RunError: If recipe, start weights or data differ, or the run does not record its data.
    """
    path = run_dir / RECIPE_FILE
    known_recipe, known = _read(run_dir)
    if "data_sha256" not in known:
        raise RunError(f"{path} does not tell the run's data, as an earlier version made it: train in a new folder.")
    check_identity(path, {**asdict(known_recipe), **known}, {**asdict(recipe), **identity}, unsaid=identity)


def _read(run_dir: Path) -> tuple[DetectorRecipe, dict[str, str | None]]:
    """Return recipe and identity; an earlier version's identity lacks `data_sha256`."""
    path = run_dir / RECIPE_FILE
    try:
        values = read_json(path)
        hashes = {"start_sha256": values.pop("start_sha256")}
        if "data_sha256" in values:
            hashes["data_sha256"] = values.pop("data_sha256")
        return DetectorRecipe(**{**values, "zoom": tuple(values["zoom"])}), hashes
    except (OSError, TypeError, KeyError) as error:
        raise RunError(f"{path} does not hold the recipe of a detector run: train in a new folder.") from error
