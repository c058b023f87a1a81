import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from app.manifest import LABELS
from app.runtimes.torch.my_model import MyModel
from tests.training.commands import succeed
from tests.training.test_sets import entry, make_set, noise, plan_file, save
from training.deployed import to_payload
from training.errors import RunError
from training.sets.loading import FaceSet
from training.sets.mixture import Batch, Mixture
from training.sets.recipe import WIDE, WIDE_RECIPES, WideRecipe
from training.sets.train import WideTrainer, batch_loss, make_optimizer

TINY = dataclasses.replace(
    WIDE, name="tiny", steps=8, batch_size=8, size_px=24, early_px=16, dropout=0.3, warmup_steps=2
)


def tiny_network() -> nn.Module:
    torch.manual_seed(0)
    return MyModel(widths=(16, 16), dropout=0.3)


def trainer(run_dir: Path, recipe: WideRecipe = TINY, train: FaceSet | None = None, seed: int = 0) -> WideTrainer:
    train = train or make_set(20)
    mixture = Mixture([train], recipe.batch_size)
    about = {"data": train.digest}
    return WideTrainer(
        recipe, tiny_network(), mixture, {"made": make_set(10)}, run_dir, about, seed, say=lambda _: None
    )


def test_a_resumed_run_reaches_the_same_numbers(tmp_path: Path) -> None:
    whole = trainer(tmp_path / "whole")
    whole.fit(evaluate_every=2)
    trainer(tmp_path / "parts").fit(until=3, evaluate_every=2)
    parts = trainer(tmp_path / "parts")
    assert parts.step == 3
    parts.fit(evaluate_every=2)
    for name, value in whole.average.items():
        assert torch.equal(value, parts.average[name]), name
    for ours, theirs in zip(whole.model.parameters(), parts.model.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    columns = ("step", "rate", "made")  # the loss of a row begun before the break covers the part after it
    assert [[row[name] for name in columns] for row in whole.history] == [
        [row[name] for name in columns] for row in parts.history
    ]
    assert (tmp_path / "parts" / "history.csv").read_text().splitlines()[0] == "step,loss,rate,seconds,made"


def test_another_seed_or_data_is_refused_but_a_longer_plan_is_not(tmp_path: Path) -> None:
    trainer(tmp_path).fit(until=2)
    with pytest.raises(RunError, match="another seed"):
        trainer(tmp_path, seed=1)
    with pytest.raises(RunError, match="another about"):
        trainer(tmp_path, train=make_set(20, first=5))
    with pytest.raises(RunError, match="another recipe"):
        trainer(tmp_path, dataclasses.replace(TINY, dropout=0.1))
    longer = trainer(tmp_path, dataclasses.replace(TINY, steps=9))
    longer.fit()
    assert longer.step == 9


def test_it_learns(tmp_path: Path) -> None:
    bright = make_set(25)
    images = np.stack([np.full((64, 64), 50 * int(label) + 20, np.uint8) for label in bright.targets_N])
    train = dataclasses.replace(bright, images_NHW=images)
    recipe = dataclasses.replace(TINY, steps=30, batch_size=15, learning_rate=0.01, ema_decay=0.9, dropout=0.0)
    learned = trainer(tmp_path, recipe, train)
    learned.val = {"same": train}
    learned.fit(evaluate_every=30)
    assert learned.history[-1]["same"] > 0.5


def test_the_average_is_evaluated_and_training_goes_on_from_the_weights(tmp_path: Path) -> None:
    run = trainer(tmp_path)
    run.fit(until=2, evaluate_every=100)
    before = {name: value.clone() for name, value in run.model.state_dict().items()}
    run._evaluate([1.0], 0.0)
    for name, value in run.model.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_the_rate_grows_and_falls_to_zero() -> None:
    recipe = dataclasses.replace(TINY, steps=12, warmup_steps=4, learning_rate=1.0)
    assert [recipe.rate(step) for step in (0, 3, 4, 8)] == pytest.approx([0.25, 1.0, 1.0, 0.5])
    assert recipe.rate(11) == pytest.approx(0.0381, abs=1e-3)
    assert recipe.rate(12) == pytest.approx(0.0)


def test_pictures_grow() -> None:
    assert [TINY.side_px(step) for step in (0, 4, 5, 7)] == [16, 16, 24, 24]
    assert dataclasses.replace(TINY, early_px=None).side_px(0) == 24


def test_norms_and_biases_do_not_decay() -> None:
    recipe = dataclasses.replace(TINY, head_factor=3.0)
    body, head, plain = make_optimizer(recipe, tiny_network()).param_groups
    assert all(each.ndim == 4 for each in body["params"])
    assert [tuple(each.shape) for each in head["params"]] == [(len(LABELS), 16)]
    assert all(each.ndim == 1 for each in plain["params"])
    assert (body["weight_decay"], head["weight_decay"], plain["weight_decay"]) == (0.05, 0.05, 0.0)
    assert (body["factor"], head["factor"], plain["factor"]) == (1.0, 3.0, 3.0)


def test_the_loss_by_hand() -> None:
    logits = torch.tensor([[2.0, 0.0, 0.0, 0.0, 0.0]])
    label, soft = torch.tensor([[1.0, 0, 0, 0, 0]]), torch.tensor([[0.0, 1.0, 0, 0, 0]])
    batch = Batch(torch.zeros(1, 1, 4, 4), label, soft, torch.tensor([0.75]), torch.zeros(1, 5))
    total = np.log(np.exp(2) + 4)
    assert float(batch_loss(logits, batch)) == pytest.approx(0.75 * (total - 2) + 0.25 * total)
    rare = dataclasses.replace(batch, trust_B=torch.ones(1), prior_BK=torch.tensor([[0.0, 0, 0, 0, -100.0]]))
    assert float(batch_loss(logits, rare)) == pytest.approx(np.log(np.exp(2) + 3) - 2)


def test_the_command_trains_and_writes_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, label in enumerate(LABELS):
        save(tmp_path / "mine" / "train" / label / "a.png", noise(number))
        save(tmp_path / "mine" / "val" / label / "a.png", noise(50 + number))
    start = tmp_path / "start.safetensors"
    start.write_bytes(to_payload(MyModel().state_dict()))
    monkeypatch.setitem(WIDE_RECIPES, "wide", dataclasses.replace(WIDE, steps=2, batch_size=5))
    options = ("--data", tmp_path, "--sets", plan_file(tmp_path, entry()), "--run", tmp_path / "run")
    succeed("sets", "train", *options, "--recipe", "wide", "--pretrained", start)
    state = load_file(tmp_path / "run" / "my_model.safetensors")
    assert set(state) == {name for name in MyModel().state_dict() if not name.endswith("num_batches_tracked")}
    assert not torch.equal(state["classifier.weight"], load_file(start)["classifier.weight"])
