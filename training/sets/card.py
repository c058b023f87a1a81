"""The model card of a network that was trained on several sets."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from app.manifest import ClassifierCard
from training.model_card import data_section, files_section, markdown_table, percent, recipe_section, write_sections

MOST_GAPS = 3


def write_set_card(
    name: str, card: ClassifierCard, text: str, evaluation: Mapping[str, Any], weights_dir: Path
) -> Path:
    """Write `<name>.md` beside the weights; return its path.

    Args:
        name: Of the network.
        card: Its entry.
        text: What the card begins with: title, intended use, limits.
        evaluation: evaluation-by-set.json of the same weights.
        weights_dir: Where to write.
    """
    about = (
        f"A residual CNN with squeeze-and-excitation and {card.parameters:,} parameters. It sees a gray face of "
        f"{card.input_size_px}x{card.input_size_px} pixels, a square of {1 + card.crop.margin:g} times the longer side "
        f"of the detector's box, shifted by {card.crop.shift_y:g} of its side (positive: down), and answers with a "
        f"probability for each of: {', '.join(card.labels)}. {_temperature(card.temperature)}"
    )
    sections = [
        text,
        f"## What it is\n\n{about}",
        data_section(card),
        f"## Metrics, set by set\n\n{_by_set(evaluation)}\n\nThe val parts chose the recipe and the "
        "temperature, so that their figures are slightly optimistic; parts named `test` chose nothing. Intervals are "
        "of 95 %.",
        f"### Clear answers\n\n{_clear(card, evaluation)}",
        *(_classes(set_name, each) for set_name, each in evaluation["sets"].items()),
        *_by_group(evaluation.get("groups", {})),
        *_robustness(evaluation["robustness"]),
        recipe_section(card),
        files_section(card),
    ]
    return write_sections(sections, weights_dir / f"{name}.md")


def _temperature(temperature: float) -> str:
    if temperature == 1:
        return "Logits go into the softmax as they are: no temperature made the probabilities fit better."
    return (
        f"Logits are divided by the temperature {temperature:.4f} before the softmax: one for all sets, chosen on "
        "their val parts, each set counting alike."
    )


def _by_set(evaluation: Mapping[str, Any]) -> str:
    head = ("set", "pictures", "accuracy", "its interval", "balanced", "its interval", "ECE before -> after")
    rows = [
        (
            name,
            f"{each['pictures']:,}",
            percent(each["accuracy"]),
            _interval(each["accuracy_interval"]),
            percent(each["balanced_accuracy"]),
            _interval(each["balanced_interval"]),
            f"{percent(each['uncalibrated']['ece'])} -> {percent(each['calibration']['ece'])}",
        )
        for name, each in evaluation["sets"].items()
    ]
    return markdown_table(head, rows)


def _clear(card: ClassifierCard, evaluation: Mapping[str, Any]) -> str:
    """Show how many answers are clear, and how many of these are right."""
    rule = card.clear
    text = (
        f"An answer is clear if its best probability is at least {rule.floor:g}, and {rule.margin:g} above the second."
    )
    head = ("set", "clear", "of these right")
    rows = [(name, percent(each["clear"]), _share(each["right"])) for name, each in evaluation["clear"]["sets"].items()]
    return f"{text}\n\n{markdown_table(head, rows)}"


def _classes(name: str, figures: Mapping[str, Any]) -> str:
    """Show each label's figures: what it is worth when it is said, and how often it is said."""
    head = ("label", "recall", "its interval", "precision", "called", "true", "pictures")
    rows = [
        (
            label,
            _share(each["recall"]),
            "-" if each["recall_interval"] is None else _interval(each["recall_interval"]),
            _share(each["precision"]),
            percent(each["called"]),
            percent(each["true"]),
            f"{each['pictures']:,}",
        )
        for label, each in figures["classes"].items()
    ]
    return f"### By label, {name}\n\n{markdown_table(head, rows)}"


def _by_group(sets: Mapping[str, Any]) -> Iterable[str]:
    """Show each set's groups of people, and how far they are apart."""
    for name, groupings in sets.items():
        for grouping, found in groupings.items():
            yield f"### {name} by {grouping}\n\n{_groups_table(found['groups'])}\n\n{_gaps(found['gaps'])}".rstrip()


def _groups_table(groups: Mapping[str, Any]) -> str:
    """Show right answers where there are labels, and else how often each label is said."""
    first = next(iter(groups.values()))
    labels = [label for label in first["recall"] if any(each["recall"][label] for each in groups.values())]
    called = ["neutral"] if labels and "neutral" in first["called"] else [] if labels else list(first["called"])
    head = ("group", "pictures", *(["accuracy"] if labels else []), *labels, *(f"called {each}" for each in called))
    rows = [
        (
            name,
            f"{each['pictures']:,}",
            *([_certain(each["accuracy"])] if labels else []),
            *(_certain(each["recall"][label]) for label in labels),
            *(_certain(each["called"][label]) for label in called),
        )
        for name, each in groups.items()
    ]
    return markdown_table(head, rows)


def _gaps(gaps: Iterable[Mapping[str, Any]]) -> str:
    said = [
        f"{each['figure']}: {each['difference'] * 100:.1f} points, {each['lowest']} below {each['highest']}"
        for each in gaps
    ]
    return f"Largest gaps: {'; '.join(said[:MOST_GAPS])}." if said else ""


def _certain(share: Mapping[str, Any] | None) -> str:
    return "-" if share is None else f"{percent(share['share'])} ({_interval(share['interval'])})"


def _robustness(robustness: Mapping[str, Mapping[str, float]]) -> Iterable[str]:
    if robustness:
        kinds = list(next(iter(robustness.values())))
        rows = [(kind, *(percent(each[kind]) for each in robustness.values())) for kind in kinds]
        table = markdown_table(("faces distorted by", *robustness), rows)
        yield f"### Robustness: balanced accuracy under distortions\n\n{table}"


def _share(share: float | None) -> str:
    return "-" if share is None else percent(share)


def _interval(interval: tuple[float, float]) -> str:
    return f"{interval[0] * 100:.1f} to {interval[1] * 100:.1f}%"
