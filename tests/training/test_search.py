import csv
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.training.commands import succeed
from tests.training.splits import make_split
from training.emotion.data import EmotionSplit
from training.emotion.ferplus import FERPLUS_VOTES
from training.emotion.history import EpochRow
from training.emotion.recipe import BEST, Recipe
from training.emotion.search import FOLDER, SEARCHED, RecipeSearch
from training.emotion.train import Trainer
from training.errors import DataError, RunError

CPU = torch.device("cpu")
VAL = make_split(10, seed=1)
TRAIN = replace(make_split(16), votes_BK=torch.ones(16, 5))
SHORT = replace(BEST, epochs=4)


class FakeTrainer:
    """As good as its learning rate is near the recipe's, better from epoch to epoch; may break off."""

    def __init__(
        self, recipe: Recipe, _train: EmotionSplit, _val: EmotionSplit, run_dir: Path, _device: torch.device, _seed: int
    ) -> None:
        self.recipe, self.run_dir = recipe, run_dir
        run_dir.mkdir(exist_ok=True)

    def fit(self, until_epoch: int | None = None) -> list[EpochRow]:
        best = 1 - abs(self.recipe.learning_rate - BEST.learning_rate) * 100
        epochs = range(1, (until_epoch or 0) + 1)
        return [EpochRow(each, 0, 0, 0, best * each / 10, 0, 48, 0) for each in epochs]


class BreaksOff(FakeTrainer):
    def fit(self, until_epoch: int | None = None) -> list[EpochRow]:
        if until_epoch == 2:
            raise KeyboardInterrupt
        return super().fit(until_epoch)


def search(
    folder: Path, trainer: type[FakeTrainer] = FakeTrainer, recipe: Recipe = SHORT, seed: int = 0
) -> RecipeSearch:
    return RecipeSearch(recipe, TRAIN, VAL, folder, CPU, seed, trainer)


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "trials.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_recipe_itself_comes_first_and_the_best_is_returned(tmp_path: Path) -> None:
    told: list[str] = []
    best = search(tmp_path).run(3, told.append)
    first, *others = rows(tmp_path)
    assert {name: float(first[name]) for name in SEARCHED} == {name: getattr(SHORT, name) for name in SEARCHED}
    for name, (low, high, _) in SEARCHED.items():
        assert all(low <= float(each[name]) <= high for each in others)
        assert len({each[name] for each in (first, *others)}) == 3
    assert best.user_attrs[FOLDER] == "trial-000"  # the fake trainer likes the recipe's rate best
    assert best.value == pytest.approx(0.4)
    assert [line.split(":")[0] for line in told] == ["trial-000", "trial-001", "trial-002"]


def test_a_finished_search_trains_no_more(tmp_path: Path) -> None:
    search(tmp_path).run(2, print)
    told: list[str] = []
    search(tmp_path).run(2, told.append)
    assert told == []
    search(tmp_path).run(3, told.append)
    assert len(told) == 1


def test_hopeless_trials_end_early_but_not_in_the_warm_up(tmp_path: Path) -> None:
    search(tmp_path).run(12, print)
    ended = [(row["state"], row["epochs"]) for row in rows(tmp_path)]
    assert ended[:4] == [("complete", "4")] * 4
    assert ("pruned", "2") in ended[4:]
    assert ("pruned", "1") not in ended
    assert ("pruned", "4") not in ended


def test_an_interrupted_trial_goes_on_in_its_folder(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        search(tmp_path, BreaksOff).run(1, print)
    again = search(tmp_path)
    assert again.finished == []
    again.run(2, print)
    assert [row[FOLDER] for row in rows(tmp_path)] == ["trial-000", "trial-002"]
    assert float(rows(tmp_path)[0]["learning_rate"]) == SHORT.learning_rate


def test_a_trial_of_a_killed_process_goes_on_in_its_folder(tmp_path: Path) -> None:
    killed = search(tmp_path).study.ask()  # stays RUNNING
    numbers = {name: killed.suggest_float(name, low, high, log=log) for name, (low, high, log) in SEARCHED.items()}
    killed.set_user_attr(FOLDER, "trial-000")
    search(tmp_path).run(1, print)
    [row] = rows(tmp_path)
    assert row[FOLDER] == "trial-000"
    assert {name: float(row[name]) for name in SEARCHED} == numbers


def test_another_search_needs_another_folder(tmp_path: Path) -> None:
    search(tmp_path)
    with pytest.raises(RunError, match="whose recipe differs"):
        search(tmp_path, recipe=replace(SHORT, name="other"))
    with pytest.raises(RunError, match="whose seed differs"):
        search(tmp_path, seed=1)
    for train, val in ((TRAIN, make_split(10, seed=2)), (replace(TRAIN, votes_BK=torch.ones(16, 5) * 2), VAL)):
        with pytest.raises(RunError, match="whose data differs"):
            RecipeSearch(SHORT, train, val, tmp_path, CPU, 0, FakeTrainer)
    with pytest.raises(DataError, match=r"FER\+ votes"):
        RecipeSearch(SHORT, make_split(16), VAL, tmp_path / "new", CPU)


def test_trials_are_validated_at_the_size_that_they_train_at(tmp_path: Path) -> None:
    trainer = RecipeSearch(SHORT, TRAIN, VAL, tmp_path, CPU).make_trainer(SHORT, TRAIN, VAL, tmp_path / "run", CPU, 0)
    assert isinstance(trainer, Trainer)
    assert trainer.val_at_training_size


@pytest.mark.slow
def test_the_command_trains(fer2013: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, folder = fer2013
    pictures = [file.relative_to(folder).as_posix() for file in folder.glob("train/*/*")]
    votes = [f"{picture},1,1,1,1,1,1,1,1,1,1" for picture in pictures]
    (folder / "ferplus.csv").write_text("\n".join([",".join(("path", *FERPLUS_VOTES)), *votes]))
    succeed("emotion", "search", "--data", folder, "--out", tmp_path / "search", "--epochs", 1, "--trials", 1)
    assert "Best: trial-000" in capsys.readouterr().out
    assert float(rows(tmp_path / "search")[0]["learning_rate"]) == BEST.learning_rate
    assert (tmp_path / "search" / "trial-000" / "history.csv").is_file()
