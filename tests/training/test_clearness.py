import pytest
import torch

from app.faces.clear import is_clear
from app.manifest import ClearRule
from training.sets.clearness import choose_clear_rule, clear_figures, clear_table, measure_clear, ranked

SURE, HALF, LOW = [0.9, 0.05, 0.05], [0.6, 0.35, 0.05], [0.4, 0.3, 0.3]


def logits_of(*rows: list[float]) -> torch.Tensor:
    return torch.tensor(rows).log()


def test_a_set_is_counted_by_hand() -> None:
    answers = ranked(logits_of(SURE, SURE, HALF, LOW), torch.tensor([0, 1, 0, 0]), 1.0)
    assert answers.margin_N == pytest.approx([0.85, 0.85, 0.25, 0.1])
    assert clear_figures(answers, ClearRule(margin=0.5, floor=0.5)).clear == 0.5
    assert clear_figures(answers, ClearRule(margin=0.5, floor=0.5)).right == 0.5
    assert clear_figures(answers, ClearRule(margin=0.0, floor=0.5)).clear == 0.75
    assert clear_figures(answers, ClearRule(margin=0.95, floor=0.5)).right is None


def test_one_answer_and_many_are_judged_alike() -> None:
    rule = ClearRule(margin=0.2, floor=0.5)
    answers = ranked(logits_of(SURE, HALF, LOW), torch.tensor([0, 0, 0]), 1.0)
    alone = [is_clear(best, margin, rule) for best, margin in zip(answers.best_N, answers.margin_N, strict=True)]
    assert alone == [True, True, False] == list(is_clear(answers.best_N, answers.margin_N, rule))


def test_the_bounds_leave_as_much_clear_as_the_wanted_share_allows() -> None:
    right, wrong = torch.tensor([0] * 9 + [0]), torch.tensor([0] * 9 + [1])
    logits = logits_of(*[SURE] * 9, HALF)
    generous = choose_clear_rule({"a": ranked(logits, right, 1.0)}, {"a"})
    assert generous is not None
    assert is_clear(0.9, 0.85, generous)
    wrongs = ranked(torch.cat([logits, logits_of(HALF)]), torch.cat([wrong, torch.tensor([1])]), 1.0)
    strict = choose_clear_rule({"a": wrongs}, {"a"})
    assert strict is not None
    assert not is_clear(0.6, 0.25, strict)
    assert is_clear(0.9, 0.85, strict)


def test_a_set_with_noisy_labels_has_no_say_but_is_measured() -> None:
    logits = {"good": logits_of(SURE, SURE), "noisy": logits_of(SURE, SURE), "test": logits_of(LOW)}
    targets = {"good": torch.tensor([0, 0]), "noisy": torch.tensor([1, 1]), "test": torch.tensor([0])}
    clearness = measure_clear(logits, targets, 1.0, {"good": 0.9, "noisy": 0.7})
    assert clearness.found
    assert clearness.sets["noisy"].right == 0.0
    assert clearness.sets["test"].clear == 0.0
    assert "| noisy | 100.0% | 0.0% |" in clear_table(clearness)


def test_where_no_bounds_do_the_default_ones_are_named() -> None:
    clearness = measure_clear({"a": logits_of(SURE)}, {"a": torch.tensor([1])}, 1.0, {"a": 1.0})
    assert clearness.rule == ClearRule()
    assert "none that were tried" in clear_table(clearness)
