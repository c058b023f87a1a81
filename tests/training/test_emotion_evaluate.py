import math

import pytest
import torch

from tests.training.splits import make_split
from training.emotion.calibrate import fit_temperature, nll
from training.emotion.data import VALIDATION_SPLIT
from training.emotion.evaluate import (
    accuracy_interval,
    brier_score,
    evaluate_splits,
    expected_calibration_error,
    join,
    reliability_bins,
    report_split,
)


def test_ece_of_a_hand_made_case() -> None:
    # Two pictures at confidence 0.9, one right: gap 0.4. Two at 0.6, both right: gap 0.4.
    probabilities = torch.tensor([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.4, 0.6]], dtype=torch.float64)
    bins = reliability_bins(probabilities, torch.tensor([0, 1, 0, 1]))
    assert len(bins) == 15
    assert sorted(each.pictures for each in bins if each.pictures) == [2, 2]
    assert expected_calibration_error(bins) == pytest.approx(0.4)


def test_the_interval_is_that_of_textbooks() -> None:
    """Wilson's own form: centre (p + z2/2n) / (1 + z2/n), half width z/(1 + z2/n) sqrt(p(1-p)/n + z2/4n2)."""
    share, n, z = 0.8, 50, 1.959964
    centre, half = share + z**2 / (2 * n), z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    expected = [(centre - half) / (1 + z**2 / n), (centre + half) / (1 + z**2 / n)]
    assert accuracy_interval(share, n) == pytest.approx(expected, abs=1e-6)
    assert accuracy_interval(1.0, 10)[1] == pytest.approx(1.0)


def test_ece_is_zero_when_confidence_is_accuracy() -> None:
    probabilities = torch.tensor([[0.75, 0.25]] * 4, dtype=torch.float64)
    assert expected_calibration_error(reliability_bins(probabilities, torch.tensor([0, 0, 0, 1]))) == 0


def test_certainty_falls_into_the_last_bin() -> None:
    bins = reliability_bins(torch.tensor([[1.0, 0.0]]), torch.tensor([0]))
    assert (bins[-1].pictures, bins[-1].accuracy, bins[-1].confidence) == (1, 1, 1)


def test_brier_of_hand_made_cases() -> None:
    assert brier_score(torch.tensor([[1.0, 0.0]]), torch.tensor([0])) == 0
    assert brier_score(torch.tensor([[1.0, 0.0]]), torch.tensor([1])) == 2
    assert brier_score(torch.tensor([[0.5, 0.5], [0.8, 0.2]]), torch.tensor([0, 0])) == pytest.approx((0.5 + 0.08) / 2)


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_a_scaling(factor: float) -> None:
    # Three of four right: the best probability is 0.75, a logit difference of log 3.
    logits = factor * math.log(3) * torch.tensor([[1.0, 0.0]] * 4)
    targets = torch.tensor([0, 0, 0, 1])
    temperature = fit_temperature(logits, targets)
    assert temperature == pytest.approx(factor, rel=1e-4)
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert nll(logits, targets, temperature) == pytest.approx(entropy, rel=1e-6)


def test_report_of_a_hand_made_split() -> None:
    split = make_split(10)  # two pictures of each class
    split.majority_B[:3] = torch.tensor([0, 2, 1])
    predicted = split.targets_B.clone()
    predicted[1] = 2  # one happy picture is called sad, as FER+ does
    report = report_split(torch.nn.functional.one_hot(predicted, 5).float() * 9, split, temperature=1.0)
    assert report.accuracy == pytest.approx(0.9)
    assert report.confusion[1] == (0, 1, 1, 0, 0)
    assert report.per_class["happy"].precision == 1
    assert report.per_class["happy"].recall == 0.5
    assert report.per_class["sad"].precision == pytest.approx(2 / 3)
    assert report.macro_f1 == pytest.approx((1 + 2 / 3 + 0.8 + 1 + 1) / 5)
    assert report.ferplus_pictures == 3
    assert report.ferplus_accuracy == pytest.approx(2 / 3)
    assert report.label_agreement == pytest.approx(1 / 3)
    assert report.agreed_accuracy == 1


def test_no_ferplus_no_figure() -> None:
    split = make_split(5)
    report = report_split(torch.zeros(5, 5), split, 1.0)
    assert (report.ferplus_pictures, report.ferplus_accuracy) == (0, None)
    assert (report.label_agreement, report.agreed_accuracy) == (None, None)


def test_the_temperature_comes_from_public_test_alone() -> None:
    split = make_split(20)
    torch.manual_seed(0)
    logits = torch.nn.functional.one_hot(split.targets_B, 5).float() + torch.randn(20, 5)
    alone = evaluate_splits({VALIDATION_SPLIT: logits}, {VALIDATION_SPLIT: split}, "0" * 64)
    both = {VALIDATION_SPLIT: split, "PrivateTest": split}
    beside = evaluate_splits({VALIDATION_SPLIT: logits, "PrivateTest": torch.randn(20, 5)}, both, "0" * 64)
    assert alone.temperature == beside.temperature
    assert alone.splits[VALIDATION_SPLIT] == beside.splits[VALIDATION_SPLIT]


def test_join() -> None:
    assert len(join(make_split(3), make_split(4))) == 7
