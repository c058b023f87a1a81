"""Groups of the pictures of sets, for `sets evaluate`, and their figures in words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.manifest import ClassifierCard
from training.errors import DataError, RunError
from training.gender.utkface import person_groups
from training.manifest_entry import read_entries, read_entry
from training.sets.groups import Grouped, Mask, Share, read_groups
from training.sets.loading import FaceSet, load_set
from training.sets.plan import RunPlan
from training.sets.predict import predict_set
from training.sets.soft_labels import Teacher, read_teacher

MOST_GAPS = 3


@dataclass(frozen=True)
class OtherNetwork:
    """A deployed network by whose reading faces are grouped.

    Attributes:
        attribute: What it says.
        labels: Its answers.
        network: That gives them.
    """

    attribute: str
    labels: tuple[str, ...]
    network: Teacher


def read_others(weights_dir: Path, plan: RunPlan) -> list[OtherNetwork]:
    """Read the deployed classifiers of other attributes than the run's.

    Raises:
        RunError: If there is none.
    """
    attributes = [each.get("attribute") for each in read_entries(weights_dir).values()]
    others = []
    for attribute in attributes:
        if attribute not in (None, plan.attribute):
            _, card = read_entry(weights_dir, ClassifierCard, attribute)
            others.append(OtherNetwork(attribute, card.labels, read_teacher(weights_dir / card.artifacts.state.file)))
    if not others:
        raise RunError(f"{weights_dir} holds no network of another attribute than {plan.attribute}: export one first.")
    return others


def load_nameable(plan: RunPlan, root: Path, limit: int | None) -> dict[str, FaceSet]:
    """Return the val parts of sets without labels whose names say who is shown."""
    found = {}
    for each in plan.sets:
        if each.form == "pictures" and (root / each.path / "val").is_dir():
            try:
                part = load_set(each, plan, root, "val", limit)
            except DataError:
                continue
            if person_groups(part.names):
                found[each.name] = part
    return found


def groups_of(each: FaceSet, labels: Sequence[str], others: Sequence[OtherNetwork]) -> dict[str, dict[str, Mask]]:
    """Return the groups of a set's pictures, without those that are the labels of what is measured."""
    groups = dict(person_groups(each.names))
    for other in others:
        read_N = predict_set(other.network.network, each, other.network.size_px).argmax(1).numpy()
        groups |= read_groups(f"{other.attribute} as read", read_N.astype(np.int64), other.labels)
    return {grouping: masks for grouping, masks in groups.items() if set(masks) != set(labels)}


def group_lines(grouped: Mapping[str, Mapping[str, Grouped]]) -> Iterator[str]:
    """Say the accuracy of each group and the largest gaps."""
    for name, groupings in grouped.items():
        for grouping, found in groupings.items():
            yield f"{name} by {grouping}:"
            for group, figures in found.groups.items():
                yield f"  {group}: {figures.pictures:,} pictures{_right(figures.accuracy)}"
            for gap in found.gaps[:MOST_GAPS]:
                yield f"  {gap.figure}: {gap.difference:.1%} between {gap.lowest} and {gap.highest}"


def _right(accuracy: Share | None) -> str:
    if accuracy is None:
        return ""
    low, high = accuracy.interval
    return f", {accuracy.share:.1%} right ({low:.1%} to {high:.1%})"
