"""UTKFace: what the names of its files say.

References:
    Zhang, Song, Qi, "Age Progression/Regression by Conditional Adversarial Autoencoder", CVPR 2017; names as its
    authors publish them: `[age]_[gender]_[race]_[date&time].jpg...`, gender 0 male and 1 female.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from training.errors import DataError, RunError

GENDERS: tuple[str, str] = ("male", "female")
"""By the number in the name."""

RACES: tuple[str, ...] = ("White", "Black", "Asian", "Indian", "other")
"""By the number in the name, in the set's own words."""

YOUNGEST_LEARNT = 5
"""Below this age in years faces do not show it: train parts leave them out, val parts keep them."""


AGE_BANDS: tuple[tuple[int, int], ...] = ((0, 2), (3, 9), (10, 17), (18, 29), (30, 49), (50, 69), (70, 150))
"""First and last age in years."""

GROWN = (18, 69)
"""Ages for which races are compared: children and the old are not alike in all of the set's races."""


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


def person_groups(names: Sequence[str]) -> dict[str, dict[str, npt.NDArray[np.bool_]]]:
    """Group pictures by who is shown: age, race, the same of grown people, and gender.

    Args:
        names: Of their files.

    Returns:
        Grouping -> group -> which pictures are of it; nothing if a name is not one of UTKFace's.
    """
    try:
        people = [read_name(name) for name in names]
    except DataError:
        return {}
    ages_N, races_N = np.array([each.age for each in people]), np.array([each.race or "" for each in people])
    bands = {_band(first, last): (ages_N >= first) & (ages_N <= last) for first, last in (*AGE_BANDS, GROWN)}
    grown_N = bands[_band(*GROWN)]
    return {
        "age": bands,
        "race": {race: races_N == race for race in RACES},
        f"race, {_band(*GROWN)}": {race: (races_N == race) & grown_N for race in RACES},
        "gender": {gender: np.array([each.gender == gender for each in people]) for gender in GENDERS},
    }


def _band(first: int, last: int) -> str:
    return f"{first} years and older" if (first, last) == AGE_BANDS[-1] else f"{first} to {last} years"


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
