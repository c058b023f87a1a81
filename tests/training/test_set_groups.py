"""Figures by groups of people."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from app.manifest import LABELS
from app.runtimes.torch.my_model import MyModel
from tests.training.commands import assert_one_error_line, run, succeed
from tests.training.test_sets import entry, noise, plan_file, save
from training.deployed import to_payload
from training.gender.utkface import AGE_BANDS, person_groups
from training.sets.groups import LEAST, measure_groups, read_groups

GENDERS = ("female", "male")


def test_people_are_grouped_by_what_the_names_say() -> None:
    names = ("1_0_0_2.jpg", "25_1_2_2.jpg", "69_0_2_2.jpg", "101_1_4_2.jpg", "40_0_20170109.jpg")
    groups = person_groups(names)
    assert groups["age"]["0 to 2 years"].tolist() == [True, False, False, False, False]
    assert groups["age"]["70 years and older"].tolist() == [False, False, False, True, False]
    assert groups["age"]["18 to 69 years"].tolist() == [False, True, True, False, True]
    assert sum(groups["age"][f"{first} to {last} years"].sum() for first, last in AGE_BANDS[:-1]) == 4
    assert groups["race"]["Asian"].tolist() == [False, True, True, False, False]
    assert sum(mask.sum() for mask in groups["race"].values()) == 4  # one name has no race
    assert groups["race, 18 to 69 years"]["White"].tolist() == [False] * 5
    assert groups["gender"]["male"].tolist() == [True, False, True, False, True]


def test_other_names_say_nothing() -> None:
    assert person_groups(("1_0_0_2.jpg", "happy/a.png")) == {}


def test_figures_of_groups_by_hand() -> None:
    size = LEAST
    targets = np.array([0] * 2 * size + [1] * 2 * size)
    predicted = targets.copy()
    predicted[:6] = 1  # six errors on label 0, all in the first group
    first = np.arange(4 * size) % (2 * size) < size
    found = measure_groups(predicted, targets, GENDERS, {"race": {"a": first, "b": ~first, "none": first & ~first}})[
        "race"
    ]
    assert list(found.groups) == ["a", "b"]
    a, b = found.groups["a"], found.groups["b"]
    assert a.accuracy is not None
    assert (a.pictures, a.accuracy.share, a.accuracy.pictures) == (2 * size, 1 - 6 / (2 * size), 2 * size)
    assert a.accuracy.interval[0] < a.accuracy.share < a.accuracy.interval[1]
    assert a.recall["female"] is not None
    assert b.recall["female"] is not None
    assert (a.recall["female"].share, b.recall["female"].share) == (1 - 6 / size, 1)
    assert a.called["male"].share == (size + 6) / (2 * size)
    assert [(gap.figure, gap.lowest, gap.highest) for gap in found.gaps[:2]] == [
        ("recall of female", "a", "b"), ("accuracy", "a", "b"),
    ]  # fmt: skip
    assert found.gaps[0].difference == pytest.approx(6 / size)


def test_few_pictures_make_no_gap_and_no_labels_no_accuracy() -> None:
    few = np.zeros(2 * LEAST - 1, np.int64)
    halves = {"race": {"a": np.arange(len(few)) < LEAST, "b": np.arange(len(few)) >= LEAST}}
    assert measure_groups(few, few, GENDERS, halves)["race"].gaps == ()
    unknown = np.full(2 * LEAST, -1)
    halves = {"race": {"a": np.arange(2 * LEAST) < LEAST, "b": np.arange(2 * LEAST) >= LEAST}}
    predicted = halves["race"]["b"].astype(np.int64)
    found = measure_groups(predicted, unknown, GENDERS, halves)["race"]
    assert found.groups["a"].accuracy is None
    assert found.groups["a"].recall == {"female": None, "male": None}
    assert {(gap.figure, gap.difference) for gap in found.gaps} == {("called female", 1.0), ("called male", 1.0)}


def test_another_networks_reading_makes_groups() -> None:
    groups = read_groups("gender as read", np.array([0, 1, 1]), GENDERS)
    assert groups["gender as read"]["male"].tolist() == [False, True, True]


@pytest.mark.slow
def test_emotion_is_measured_by_gender_as_read_and_by_the_names_of_unlabelled_sets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, label in enumerate(LABELS):
        save(tmp_path / "mine" / "val" / label / "a.png", noise(50 + number))
    for number in range(4):
        for part in ("train", "val"):
            save(tmp_path / "utkface" / part / f"{20 + number}_{number % 2}_{number}_{number}.png", noise(number))
    torch.manual_seed(0)
    (tmp_path / "my_model.safetensors").write_bytes(to_payload(MyModel().state_dict()))
    (tmp_path / "card.md").write_text("# Mine\n\n## Limits\n\n- Made of noise.\n")
    utkface = {"name": "utk", "form": "utkface", "path": "utkface", "share": 1, "terms": "UTKFace"}
    described = {
        "attribute": "gender", "labels": GENDERS, "network": "mine", "card": "card.md", "sets": [utkface],
    }  # fmt: skip
    (tmp_path / "gender.json").write_text(json.dumps(described))
    gender = ("--data", tmp_path, "--sets", tmp_path / "gender.json", "--threads", 1)
    unlabelled = {"name": "utk", "form": "pictures", "path": "utkface", "share": 1}
    emotion = ("--data", tmp_path, "--sets", plan_file(tmp_path, entry(), unlabelled), "--threads", 1)
    weights, weights_dir = ("--weights", tmp_path / "my_model.safetensors"), ("--weights-dir", tmp_path / "weights")
    assert run("sets", "evaluate", *emotion, *weights, "--out", tmp_path / "out", "--groups", *weights_dir) == 1
    assert_one_error_line(capsys, "no network of another attribute than emotion")

    start = ("--recipe", "gender", "--pretrained", tmp_path / "my_model.safetensors", "--steps", 1)
    made = tmp_path / "run" / "my_model.safetensors"
    succeed("sets", "train", *gender, "--run", tmp_path / "run", *start)
    succeed("sets", "evaluate", *gender, "--weights", made, "--out", tmp_path / "run")
    by_name = json.loads((tmp_path / "run" / "evaluation-by-set.json").read_text())["groups"]["utk"]
    assert set(by_name) == {"age", "race", "race, 18 to 69 years"}  # and not gender, which is the label
    rule = ("--margin", 0.1, "--shift-y", 0)
    succeed("sets", "export", *gender, "--run", tmp_path / "run", *weights_dir, *rule)
    card = (tmp_path / "weights" / "mine.md").read_text()
    assert "### utk by race, 18 to 69 years" in card

    capsys.readouterr()
    succeed("sets", "evaluate", *emotion, *weights, "--out", tmp_path / "out", "--groups", *weights_dir)
    assert "mine by gender as read:" in capsys.readouterr().out
    groups = json.loads((tmp_path / "out" / "evaluation-by-set.json").read_text())["groups"]
    assert set(groups["mine"]) == {"gender as read"}
    assert sum(each["pictures"] for each in groups["mine"]["gender as read"]["groups"].values()) == 5
    assert set(groups["utk"]) == {"age", "race", "race, 18 to 69 years", "gender", "gender as read"}
    of_men = groups["utk"]["gender"]["groups"]["male"]
    assert (of_men["pictures"], of_men["accuracy"]) == (2, None)
    assert sum(each["share"] for each in of_men["called"].values()) == pytest.approx(1)
