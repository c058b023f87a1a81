"""UTKFace: what the names of its files say.

References:
    Zhang, Song, Qi, "Age Progression/Regression by Conditional Adversarial Autoencoder", CVPR 2017; names as its
    authors publish them: `[age]_[gender]_[race]_[date&time].jpg...`, gender 0 male and 1 female.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from training.errors import DataError, RunError

GENDERS: tuple[str, str] = ("male", "female")
"""By the number in the name."""

RACES: tuple[str, ...] = ("White", "Black", "Asian", "Indian", "other")
"""By the number in the name, in the set's own words."""

YOUNGEST_LEARNT = 5
"""Below this age in years faces do not show it: train parts leave them out, val parts keep them."""


@dataclass(frozen=True)
class Person:
    """What a name says.

    Attributes:
        age: In years.
        gender: One of `GENDERS`.
        race: One of `RACES`; None where the name lacks it, as in a few of the original set.
    """

    age: int
    gender: str
    race: str | None


def read_name(name: str) -> Person:
    """Read a file's name.

    Raises:
        DataError: If it does not begin with an age and a gender.
    """
    parts = name.split("_")
    try:
        age, gender = int(parts[0]), GENDERS[int(parts[1])]
    except (ValueError, IndexError) as error:
        raise DataError(f"{name} is not named [age]_[gender]_[race]_[time], as in UTKFace.") from error
    race = parts[2] if len(parts) > 3 and parts[2].isdigit() else ""
    return Person(age, gender, RACES[int(race)] if race and int(race) < len(RACES) else None)


def utkface_files(folder: Path, labels: Sequence[str]) -> list[tuple[Path, int]]:
    """Return the pictures of a part with the position of their label.

    Args:
        folder: `train` or `val`; of `train`, the youngest are left out.
        labels: Holds both of `GENDERS`.

    Raises:
        RunError: If the run has other labels.
        DataError: If a name cannot be read.
    """
    if set(labels) != set(GENDERS):
        raise RunError(f"UTKFace has the labels {' and '.join(sorted(GENDERS))}, not {', '.join(labels)}.")
    named = [(file, read_name(file.name)) for file in sorted(folder.glob("[!.]*"))]
    youngest = YOUNGEST_LEARNT if folder.name == "train" else 0
    return [(file, labels.index(person.gender)) for file, person in named if person.age >= youngest]
