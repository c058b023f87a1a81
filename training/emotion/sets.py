"""Several sets of faces for one run, described by one JSON file: where they lie, how they are framed, what they count.

A set of one's own is a folder `<set>/{train,val}/<class>/` of square face pictures and one entry in the file; see
docs/training-sets.md. Shape letters: N pictures, C channels (one, gray), H, W, K classes.
"""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from app.manifest import LABELS
from training.emotion.data import TRAINING_SPLIT, VALIDATION_SPLIT, load_fer2013
from training.emotion.pictures import Gray, read_boxes, read_square
from training.emotion.targets import soft_targets
from training.errors import DataError, RunError
from training.files import read_json

T = TypeVar("T")
Part = Literal["train", "val"]
Form = Literal["fer2013", "folders", "boxes", "pictures"]

FERPLUS_WEIGHT = 0.35
UNKNOWN = -1
DEFAULT_SETS = Path(__file__).with_name("sets.json")


@dataclass(frozen=True)
class SetPlan:
    """One set of a run.

    Attributes:
        name: Its name in histories and tables.
        path: Relative to the folder of all data.
        form: With labels: `fer2013`, see `data.load_fer2013`; `folders`: `{train,val}/<class>/`. Without:
            `boxes`: whole pictures with YOLO boxes of faces, `images/train` and `labels/train`; `pictures`: faces
            in `train/`.
        share: Share of each batch; the shares of a run's sets are scaled to a sum of 1.
        zoom: How much to enlarge the picture to come to My_model's framing, about its centre: above 1 cuts
            surroundings away, below 1 adds a margin.
        trust: Estimated share of right labels, 0..1.
        fill_black: Whether all but the face was painted black, which training then fills.
    """

    name: str
    path: str
    form: Form
    share: float
    zoom: float = 1.0
    trust: float = 1.0
    fill_black: bool = False

    def __post_init__(self) -> None:
        if self.form not in get_args(Form):
            raise RunError(f"Set {self.name}: the form {self.form!r} is none of {', '.join(get_args(Form))}.")
        if not (self.share > 0 and self.zoom > 0 and 0 <= self.trust <= 1):
            raise RunError(f"Set {self.name}: share and zoom must be above 0, trust in 0..1.")

    @property
    def labelled(self) -> bool:
        """Whether its pictures have labels."""
        return self.form in ("fer2013", "folders")


@dataclass(frozen=True)
class RunPlan:
    """All sets of a run, and a glob pattern of pictures without faces, to fill black with; empty for none."""

    sets: tuple[SetPlan, ...]
    textures: str = ""

    @property
    def labelled(self) -> tuple[SetPlan, ...]:
        """The sets with labels."""
        return tuple(each for each in self.sets if each.labelled)


@dataclass(frozen=True)
class ExpressionSet:
    """One part of one set, in memory.

    Attributes:
        plan: Its description.
        images_NHW: uint8 gray, 64 px or, for FER2013, 48 px a side.
        targets_N: int64 positions in `LABELS`; -1 for faces without a label.
        labels_NK: The labels as probabilities; for FER2013 blended with FER+'s votes; zeros without a label.
        names: What to call each picture in a message.
    """

    plan: SetPlan
    images_NHW: Gray
    targets_N: Tensor
    labels_NK: Tensor
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.images_NHW)

    @property
    def classes(self) -> tuple[int, ...]:
        """The labels that occur, as positions; (-1,) for a set without labels."""
        return tuple(int(label) for label in self.targets_N.unique())

    @property
    def digest(self) -> str:
        """Hex digest of pictures and labels, in order."""
        return sha256(self.images_NHW.tobytes() + self.targets_N.numpy().tobytes()).hexdigest()


def read_plan(path: Path = DEFAULT_SETS) -> RunPlan:
    """Read the description of a run's sets.

    Raises:
        RunError: If the file does not hold one.
    """
    content = read_json(path)
    entries = content.get("sets")
    if not isinstance(entries, list) or not entries or not set(content) <= {"sets", "textures"}:
        raise RunError(f'{path} needs "sets", a list of at least one, and may have "textures".')
    plan = RunPlan(tuple(_read_entry(entry, path) for entry in entries), str(content.get("textures", "")))
    names = [each.name for each in plan.sets]
    if len(set(names)) < len(names):
        raise RunError(f"{path} names a set twice: {', '.join(names)}.")
    return plan


def _read_entry(entry: Any, path: Path) -> SetPlan:
    if not isinstance(entry, dict) or not {"name", "path", "form", "share"} <= set(entry):
        raise RunError(f"{path}: each set needs name, path, form and share; {entry} has not.")
    if unknown := set(entry) - set(SetPlan.__annotations__):
        raise RunError(f"{path}: set {entry['name']} has the unknown key {min(unknown)}.")
    try:
        return SetPlan(**entry)
    except TypeError as error:
        raise RunError(f"{path}: set {entry['name']} has a value of the wrong type ({error}).") from error


def load_set(plan: SetPlan, root: Path, part: Part, limit: int | None = None) -> ExpressionSet:
    """Read one part of a set; FER2013's val is PublicTest.

    Args:
        plan: What to read.
        root: The folder of all data.
        part: `train` or `val`.
        limit: For rehearsals: so many pictures, spread over the set.

    Raises:
        DataError: If the part is missing or empty, or a file is not a picture as the form asks for.
    """
    if plan.form == "fer2013":
        return _load_fer2013(plan, root, part, limit)
    if plan.form == "folders":
        return _load_folders(plan, root / plan.path / part, limit)
    if plan.form == "boxes":
        found = read_boxes(root / plan.path, part, limit)
    else:
        files = _spread(sorted((root / plan.path / part).glob("[!.]*")), limit)
        found = [(file.name, read_square(file)) for file in files]
    if not found:
        raise DataError(f"Set {plan.name}: no faces in {root / plan.path}, part {part}.")
    count = len(found)
    unlabelled = torch.full((count,), UNKNOWN), torch.zeros(count, len(LABELS))
    return ExpressionSet(plan, np.stack([face for _, face in found]), *unlabelled, tuple(name for name, _ in found))


def _load_fer2013(plan: SetPlan, root: Path, part: Part, limit: int | None) -> ExpressionSet:
    usage = TRAINING_SPLIT if part == "train" else VALIDATION_SPLIT
    split = load_fer2013(root / plan.path, (usage,), limit)[usage]
    names = tuple(f"{usage} {number}" for number in range(len(split)))
    labels_NK = soft_targets(split, FERPLUS_WEIGHT)
    return ExpressionSet(plan, split.images_BCHW[:, 0].numpy(), split.targets_B, labels_NK, names)


def _load_folders(plan: SetPlan, folder: Path, limit: int | None) -> ExpressionSet:
    files = [(file, k) for k, label in enumerate(LABELS) for file in sorted((folder / label).glob("[!.]*"))]
    files = _spread(files, limit)
    if not files:
        raise DataError(f"No pictures in {folder}: it needs folders named {', '.join(LABELS)}.")
    images_NHW = np.stack([read_square(file) for file, _ in files])
    targets_N = torch.tensor([k for _, k in files])
    names = tuple(f"{LABELS[k]}/{file.name}" for file, k in files)
    return ExpressionSet(plan, images_NHW, targets_N, F.one_hot(targets_N, len(LABELS)).float(), names)


def _spread(files: list[T], limit: int | None) -> list[T]:
    """Return `limit` of them, spread evenly."""
    if limit is None or limit >= len(files):
        return files
    return [files[at] for at in np.linspace(0, len(files) - 1, limit).astype(int)]
