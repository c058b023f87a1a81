"""What a run on several sets learns, from what: one JSON file.

A set of one's own is a folder `<set>/{train,val}/<class>/` of square face pictures and one entry in the file; see
docs/training-sets.md.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from app.manifest import EMOTION
from training.errors import RunError
from training.files import read_json

Form = Literal["fer2013", "folders", "utkface", "boxes", "pictures"]
KEYS = {"attribute", "labels", "network", "card", "sets", "textures"}
"""Of the file; `card` names a file beside it."""

DEFAULT_SETS = Path(__file__).parent.parent / "emotion" / "sets.json"


@dataclass(frozen=True)
class SetPlan:
    """One set of a run.

    Attributes:
        name: Its name in histories and tables.
        path: Relative to the folder of all data.
        form: With labels: `fer2013`, see `training.emotion.data`; `folders`: `{train,val}/<class>/`; `utkface`, see
            `training.gender.utkface`. Without: `boxes`: whole pictures with YOLO boxes of faces, `images/train` and
            `labels/train`; `pictures`: faces in `train/`.
        share: Share of each batch; the shares of a run's sets are scaled to a sum of 1.
        zoom: How much to enlarge the picture to come to My_model's framing, about its centre: above 1 cuts
            surroundings away, below 1 adds a margin.
        trust: Estimated share of right labels, 0..1.
        fill_black: Whether all but the face was painted black, which training then fills.
        terms: What it is and under which terms it may be used, for the model card.
    """

    name: str
    path: str
    form: Form
    share: float
    zoom: float = 1.0
    trust: float = 1.0
    fill_black: bool = False
    terms: str = ""

    def __post_init__(self) -> None:
        if self.form not in get_args(Form):
            raise RunError(f"Set {self.name}: the form {self.form!r} is none of {', '.join(get_args(Form))}.")
        if not (self.share > 0 and self.zoom > 0 and 0 <= self.trust <= 1):
            raise RunError(f"Set {self.name}: share and zoom must be above 0, trust in 0..1.")

    @property
    def labelled(self) -> bool:
        """Whether its pictures have labels."""
        return self.form in ("fer2013", "folders", "utkface")


@dataclass(frozen=True)
class RunPlan:
    """What a run learns, from what.

    Attributes:
        attribute: What the network says of a face, such as `emotion`.
        labels: Its answers, in the order of the outputs.
        sets: Of faces.
        network: Its name when it is served, and of its files.
        text: The model card's first sections, in Markdown.
        textures: Glob pattern of pictures without faces, to fill black with; empty for none.
    """

    attribute: str
    labels: tuple[str, ...]
    sets: tuple[SetPlan, ...]
    network: str = ""
    text: str = ""
    textures: str = ""

    @property
    def labelled(self) -> tuple[SetPlan, ...]:
        """The sets with labels."""
        return tuple(each for each in self.sets if each.labelled)


def read_plan(path: Path = DEFAULT_SETS) -> RunPlan:
    """Read the description of a run's sets.

    Raises:
        RunError: If the file does not hold one.
    """
    content = read_json(path)
    entries = content.get("sets")
    labels = content.get("labels")
    if not isinstance(entries, list) or not entries or not set(content) <= KEYS:
        raise RunError(f'{path} needs "sets", a list of at least one, and may have {", ".join(sorted(KEYS))}.')
    if labels is None or not isinstance(labels, list) or len(set(map(str, labels))) < 2:
        raise RunError(f'{path} needs "labels", a list of at least two different ones.')
    plan = RunPlan(
        attribute=str(content.get("attribute", EMOTION)),
        labels=tuple(map(str, labels)),
        sets=tuple(_read_entry(entry, path) for entry in entries),
        network=str(content.get("network", "")),
        text=_read_text(path.parent / str(content["card"])) if "card" in content else "",
        textures=str(content.get("textures", "")),
    )
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


def _read_text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError as error:
        raise RunError(f"The card's text {path} cannot be read ({error.strerror}).") from error
