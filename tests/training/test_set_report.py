import json
from pathlib import Path

import numpy as np
import pytest
import torch

from app.manifest import LABELS
from app.runtimes.torch.my_model import MyModel
from tests.training.commands import succeed
from tests.training.test_sets import entry, make_set, noise, plan_file, save
from training.deployed import to_payload
from training.sets.plan import SetPlan
from training.sets.predict import balanced_accuracy, predict_set
from training.sets.report import fit_temperature_over_sets, set_figures, table
from training.sets.robustness import ALL_DISTORTIONS, distorted, set_robustness


def logits_of(predicted: list[int]) -> torch.Tensor:
    return torch.nn.functional.one_hot(torch.tensor(predicted), 5).float() * 4


def test_figures_by_hand() -> None:
    targets = torch.tensor([0, 0, 0, 0, 1, 1, 2, 4])
    figures = set_figures(logits_of([0, 0, 0, 4, 1, 4, 2, 4]), targets, LABELS)
    assert figures.accuracy == 6 / 8
    assert figures.balanced_accuracy == pytest.approx((3 / 4 + 1 / 2 + 1 + 1) / 4)
    angry, surprise, neutral = (figures.classes[label] for label in ("angry", "surprise", "neutral"))
    assert (angry.recall, angry.precision, angry.pictures) == (3 / 4, 1.0, 4)
    assert (surprise.recall, surprise.precision, surprise.recall_interval) == (None, None, None)
    assert (neutral.called, neutral.true, neutral.precision) == (3 / 8, 1 / 8, 1 / 3)
    assert figures.confusion[0] == (3, 0, 0, 0, 1)
    low, high = figures.accuracy_interval
    assert (low, high) == pytest.approx((0.4093, 0.9285), abs=1e-3)  # Wilson, 6 of 8
    width = 1.96 * (3 / 16 / 4 + 1 / 4 / 2) ** 0.5 / 4
    assert figures.balanced_interval[0] == pytest.approx(figures.balanced_accuracy - width)


def test_the_calibration_error_by_hand() -> None:
    confidence = float(torch.tensor([4.0, 0, 0, 0, 0]).softmax(0)[0])
    figures = set_figures(logits_of([0, 1, 2, 3]), torch.tensor([0, 1, 2, 4]), LABELS)
    assert figures.calibration.ece == pytest.approx(confidence - 0.75)
    sharper = set_figures(logits_of([0, 1, 2, 3]), torch.tensor([0, 1, 2, 4]), LABELS, temperature=0.5)
    assert sharper.calibration.ece > figures.calibration.ece


def test_one_temperature_for_all_sets_each_counting_alike() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(4000, 5, generator=generator) * 2
    targets = torch.multinomial((logits / 2).softmax(1), 1, generator=generator)[:, 0]
    assert fit_temperature_over_sets({"a": logits}, {"a": targets}) == pytest.approx(2.0, rel=0.1)
    sharp = torch.multinomial((logits * 2).softmax(1), 1, generator=generator)[:, 0]
    few = {"a": logits, "b": logits[:400]}, {"a": targets, "b": sharp[:400]}
    many = {"a": logits, "b": logits}, {"a": targets, "b": sharp}
    assert fit_temperature_over_sets(*few) == pytest.approx(fit_temperature_over_sets(*many), rel=0.1)


def test_balanced_accuracy_counts_classes_alike() -> None:
    assert balanced_accuracy(logits_of([0, 0, 0, 0]), torch.tensor([0, 0, 0, 1])) == 0.5


def test_predictions_go_by_the_sets_framing() -> None:
    torch.manual_seed(0)
    model, each = MyModel().eval(), make_set(3)
    whole = predict_set(model, each, 48)
    assert whole.shape == (3, 5)
    closer = make_set(3, type(each.plan)("made", "made", "folders", 1.0, zoom=1.3))
    assert not torch.allclose(predict_set(model, closer, 48), whole)
    mirrored = type(each)(each.plan, each.images_NHW[:, :, ::-1].copy(), each.targets_N, each.labels_NK, each.names)
    torch.testing.assert_close(predict_set(model, mirrored, 48, mirror=True), whole, atol=2e-2, rtol=0)


def test_the_table_says_each_set_and_their_mean() -> None:
    right, half = torch.tensor([0, 1, 2, 4]), torch.tensor([0, 1, 4, 2])
    figures = {
        "a": set_figures(logits_of([0, 1, 2, 4]), right, LABELS),
        "b": set_figures(logits_of([0, 1, 2, 4]), half, LABELS),
    }
    lines = table(figures, ("a", "b")).splitlines()
    assert lines[2].startswith("| a | 4 | 100.0% (")
    assert "| 100.0% | 100.0% | 100.0% | 100.0% |  | 100.0% | 25.0% / 25.0% |" in lines[2]
    assert lines[-1].startswith("| mean |  |  | 75.0% |")


def test_distortions_are_measured_in_the_sets_own_framing() -> None:
    each = make_set(3, SetPlan("made", "made", "folders", 1.0, zoom=1.2))
    plain = distorted(each, lambda picture, _: picture)
    assert plain.images_NHW.shape == (3, 48, 48)
    assert plain.plan.zoom == 1.0
    torch.manual_seed(0)
    model = MyModel().eval()
    torch.testing.assert_close(predict_set(model, plain, 48), predict_set(model, each, 48))
    leaning = distorted(each, ALL_DISTORTIONS["roll of 30 degrees"])
    assert not np.array_equal(leaning.images_NHW, plain.images_NHW)
    assert np.array_equal(leaning.images_NHW, distorted(each, ALL_DISTORTIONS["roll of 30 degrees"]).images_NHW)


def test_robustness_says_every_set_and_distortion() -> None:
    measured = set_robustness(MyModel().eval(), {"made": make_set(2)}, 48)
    assert set(measured["made"]) == {"none", *ALL_DISTORTIONS}
    assert all(0 <= value <= 1 for value in measured["made"].values())


def test_the_command_measures_every_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, label in enumerate(LABELS):
        save(tmp_path / "mine" / "val" / label / "a.png", noise(50 + number))
    save(tmp_path / "other" / "val" / "happy" / "a.png", noise(1))
    other = {**entry(), "name": "other", "path": "other"}
    weights = tmp_path / "my_model.safetensors"
    weights.write_bytes(to_payload(MyModel().state_dict()))
    options = ("--data", tmp_path, "--sets", plan_file(tmp_path, entry(), other), "--weights", weights)
    succeed("sets", "evaluate", *options, "--out", tmp_path / "out", "--temperature", 1.5)
    assert "| other | 1 |" in capsys.readouterr().out
    result = json.loads((tmp_path / "out" / "evaluation-by-set.json").read_text())
    assert result["temperature"] == 1.5
    assert set(result["sets"]) == {"mine", "other"}
    assert result["sets"]["mine"]["pictures"] == 5
    assert result["sets"]["other"]["classes"]["sad"]["recall"] is None
    assert (tmp_path / "out" / "reliability-mine.png").stat().st_size > 1000
