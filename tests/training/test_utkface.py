from pathlib import Path

import pytest

from app.manifest import LABELS
from tests.training.test_sets import noise, save
from training.errors import DataError, RunError
from training.gender.utkface import Person, read_name
from training.sets.loading import load_set
from training.sets.plan import RunPlan, SetPlan, read_plan

UTKFACE = SetPlan("utkface", "utkface", "utkface", 1.0)
GENDER = RunPlan("gender", ("female", "male"), (UTKFACE,))


@pytest.mark.parametrize(
    ("name", "person"),
    [
        ("26_1_3_20170117154740483.jpg.chip.webp", Person(26, "female", "Indian")),
        ("116_0_0_20170120134921760.jpg.chip.jpg", Person(116, "male", "White")),
        ("61_1_20170109142408075.jpg.chip.jpg", Person(61, "female", None)),
        ("5_0_7_20170109142408075.jpg", Person(5, "male", None)),
    ],
)
def test_a_name_says_age_gender_and_race(name: str, person: Person) -> None:
    assert read_name(name) == person


@pytest.mark.parametrize("name", ["face.jpg", "26_2_0_2017.jpg", "26.jpg", "young_1_0_2017.jpg"])
def test_another_name_is_told(name: str) -> None:
    with pytest.raises(DataError, match="is not named"):
        read_name(name)


def test_the_youngest_are_not_learnt_but_measured(tmp_path: Path) -> None:
    for part in ("train", "val"):
        for number, name in enumerate(("1_0_0_1.webp", "4_1_0_2.webp", "5_1_0_3.webp", "40_0_2_4.webp")):
            save(tmp_path / "utkface" / part / name, noise(number))
    train, val = (load_set(UTKFACE, GENDER, tmp_path, part) for part in ("train", "val"))  # type: ignore[arg-type]
    assert train.names == ("40_0_2_4.webp", "5_1_0_3.webp")
    assert [GENDER.labels[label] for label in train.targets_N] == ["male", "female"]
    assert train.labels_NK.tolist() == [[0, 1], [1, 0]]
    assert len(val) == 4


def test_it_has_two_labels(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="has the labels female and male, not angry"):
        load_set(UTKFACE, RunPlan("emotion", LABELS, ()), tmp_path, "train")


def test_the_description_of_the_gender_run() -> None:
    plan = read_plan(Path("training/gender/sets.json"))
    assert (plan.attribute, plan.labels) == ("gender", ("female", "male"))
