import csv
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.training.conftest import make_split
from tests.training.test_detector import run
from training.emotion.data import FERPLUS_VOTES
from training.emotion.recipe import BEST, Recipe
from training.emotion.search import SEARCHED, RecipeSearch
from training.emotion.train import Trainer
from training.errors import RunError

CPU = torch.device("cpu")
VAL = make_split(10, seed=1)
TRAIN = replace(make_split(16), votes_BK=torch.ones(16, 5))


@pytest.fixture
def recipe(tiny_recipe: Recipe) -> Recipe:
    return replace(tiny_recipe, epochs=2, ferplus_weight=0.1, sizes_px=((0, 16),))


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "trials.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_recipe_itself_comes_first_and_the_best_is_returned(recipe: Recipe, tmp_path: Path) -> None:
    told: list[str] = []
    best = RecipeSearch(recipe, TRAIN, VAL, tmp_path, CPU).run(2, told.append)
    first, second = rows(tmp_path)
    assert {name: float(first[name]) for name in SEARCHED} == {name: getattr(recipe, name) for name in SEARCHED}
    for name, (low, high, _) in SEARCHED.items():
        assert low <= float(second[name]) <= high
        assert first[name] != second[name]
    assert best.value == max(float(row["val_accuracy"]) for row in (first, second))
    assert [row["epochs"] for row in (first, second)] == ["2", "2"]
    assert len(told) == 2
    assert RecipeSearch(recipe, TRAIN, VAL, tmp_path, CPU).run(2, told.append).number == best.number
    assert len(told) == 2


def test_an_interrupted_trial_goes_on_after_its_last_epoch(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = Trainer.fit

    def interrupted(trainer: Trainer, until_epoch: int | None = None) -> object:
        if until_epoch == 2:
            raise KeyboardInterrupt
        return fit(trainer, until_epoch)

    monkeypatch.setattr(Trainer, "fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        RecipeSearch(recipe, TRAIN, VAL, tmp_path / "stopped", CPU).run(1, print)
    monkeypatch.setattr(Trainer, "fit", fit)
    search = RecipeSearch(recipe, TRAIN, VAL, tmp_path / "stopped", CPU)
    assert search.finished == []
    search.run(1, print)
    assert [file.name for file in (tmp_path / "stopped").glob("trial-*")] == ["trial-000"]
    RecipeSearch(recipe, TRAIN, VAL, tmp_path / "whole", CPU).run(1, print)
    stopped, whole = rows(tmp_path / "stopped")[0], rows(tmp_path / "whole")[0]
    assert {**stopped, "trial": ""} == {**whole, "trial": ""}


def test_another_recipe_needs_another_folder(recipe: Recipe, tmp_path: Path) -> None:
    RecipeSearch(recipe, TRAIN, VAL, tmp_path, CPU)
    with pytest.raises(RunError, match="another recipe"):
        RecipeSearch(replace(recipe, epochs=3), TRAIN, VAL, tmp_path, CPU)
    with pytest.raises(RunError, match="another seed"):
        RecipeSearch(recipe, TRAIN, VAL, tmp_path, CPU, seed=1)


@pytest.mark.slow
def test_the_command(fer2013: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, folder = fer2013
    pictures = [file.relative_to(folder).as_posix() for file in folder.glob("train/*/*")]
    votes = [f"{picture},1,1,1,1,1,1,1,1,1,1" for picture in pictures]
    (folder / "ferplus.csv").write_text("\n".join([",".join(("path", *FERPLUS_VOTES)), *votes]))
    run("emotion", "search", "--data", folder, "--out", tmp_path / "search", "--epochs", 1, "--trials", 1)
    assert "Best: trial 0" in capsys.readouterr().out
    assert float(rows(tmp_path / "search")[0]["learning_rate"]) == BEST.learning_rate
