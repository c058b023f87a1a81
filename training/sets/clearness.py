"""Chooses which answers are clear, so that these are right often enough. Shape letters: N pictures, K classes."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import Tensor

from app.faces.clear import is_clear
from app.manifest import ClearRule

WANTED = 0.9
"""Share of clear answers that should be right on a set."""

TRUSTED = 0.8
"""A set with fewer right labels has no say: a network that is always right would hardly reach the wanted share."""

STEPS = np.round(np.arange(0.3, 0.96, 0.01), 2)
"""Bounds that are tried."""

Shares = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Ranked:
    """A set's answers.

    Attributes:
        best_N: Highest probability.
        margin_N: By how much it is above the second.
        hits_N: Whether it is the label's.
    """

    best_N: Shares
    margin_N: Shares
    hits_N: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class ClearFigures:
    """What is clear on a set.

    Attributes:
        clear: Share of the answers.
        right: Share of the clear ones that is right; None if none is clear.
    """

    clear: float
    right: float | None


@dataclass(frozen=True)
class Clearness:
    """What is clear on every set.

    Attributes:
        rule: The bounds.
        found: Whether they were chosen on these sets; else they are the default ones.
        sets: By name.
    """

    rule: ClearRule
    found: bool
    sets: dict[str, ClearFigures]


def ranked(logits_NK: Tensor, targets_N: Tensor, temperature: float) -> Ranked:
    """Return how far the best label of each picture is ahead, and whether it is right."""
    top_N2 = (logits_NK.double() / temperature).softmax(1).topk(2, dim=1).values
    hits_N = logits_NK.argmax(1) == targets_N
    return Ranked(top_N2[:, 0].numpy(), (top_N2[:, 0] - top_N2[:, 1]).numpy(), hits_N.numpy())


def clear_figures(answers: Ranked, rule: ClearRule) -> ClearFigures:
    """Count the clear answers of a set and the right ones among them."""
    clear_N = np.asarray(is_clear(answers.best_N, answers.margin_N, rule))
    right = float(answers.hits_N[clear_N].mean()) if clear_N.any() else None
    return ClearFigures(float(clear_N.mean()), right)


def choose_clear_rule(sets: Mapping[str, Ranked], judged: Collection[str]) -> ClearRule | None:
    """Find the bounds that leave most answers clear, in the mean of all sets, among those that are good enough.

    Args:
        sets: By name.
        judged: Names of those on each of which the wanted share of clear answers must be right; at least one.

    Returns:
        The rule; None if no bounds that are tried reach it.
    """
    best: tuple[float, ClearRule] | None = None
    for margin in STEPS:
        for floor in STEPS:
            rule = ClearRule(margin=float(margin), floor=float(floor))
            figures = {name: clear_figures(each, rule) for name, each in sets.items()}
            if any((figures[name].right or 0.0) < WANTED for name in judged):
                continue
            share = sum(each.clear for each in figures.values()) / len(figures)
            if best is None or share > best[0]:
                best = share, rule
    return best[1] if best else None


def measure_clear(
    logits: Mapping[str, Tensor], targets: Mapping[str, Tensor], temperature: float, trust: Mapping[str, float]
) -> Clearness:
    """Choose the rule and say what is clear on each set.

    Args:
        logits: Of each set, shape (N, K).
        targets: Of each, shape (N,).
        temperature: Divides the logits.
        trust: Estimated share of right labels of each set that the rule may be chosen on; others are only measured.
    """
    answers = {name: ranked(logits[name], targets[name], temperature) for name in logits}
    judged = {name for name, share in trust.items() if share >= TRUSTED} or set(trust)
    found = choose_clear_rule({name: answers[name] for name in trust}, judged)
    rule = found or ClearRule()
    return Clearness(rule, found is not None, {name: clear_figures(each, rule) for name, each in answers.items()})


def clear_table(clearness: Clearness) -> str:
    """Return a Markdown table of the clear answers by set."""
    rule = clearness.rule
    right = {name: "-" if each.right is None else f"{each.right:.1%}" for name, each in clearness.sets.items()}
    rows = [f"| {name} | {each.clear:.1%} | {right[name]} |" for name, each in clearness.sets.items()]
    head = f"Clear: best at least {rule.floor:g}, and {rule.margin:g} above the second."
    if not clearness.found:
        head += f" These are the default bounds: none that were tried make {WANTED:.0%} of the clear answers right."
    return "\n".join([head, "", "| set | clear | of these right |", "| --- | --- | --- |", *rows])
