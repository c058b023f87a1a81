"""Figures of a network by groups of people: as a set's names say who is shown, or as another network reads it.

Shape letters: N pictures.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt

from training.emotion.evaluate import accuracy_interval
from training.sets.report import Interval

Mask = npt.NDArray[np.bool_]
Groups = Mapping[str, Mapping[str, Mask]]
"""Grouping, such as age -> group -> which pictures are of it."""

LEAST = 30
"""Shares of fewer pictures are shown, but say nothing of gaps."""


@dataclass(frozen=True)
class Share:
    """A share of some pictures.

    Attributes:
        share: 0..1.
        interval: 95 %, by Wilson's score.
        pictures: Of how many.
    """

    share: float
    interval: Interval
    pictures: int


@dataclass(frozen=True)
class GroupFigures:
    """One group.

    Attributes:
        pictures: Of it.
        accuracy: Share of hits among those with a label; None without any.
        recall: By label: share of the pictures with it that is found; None without any.
        called: By label: share of all pictures of the group that is called so.
    """

    pictures: int
    accuracy: Share | None
    recall: dict[str, Share | None]
    called: dict[str, Share]


@dataclass(frozen=True)
class Gap:
    """How far groups of one grouping are apart.

    Attributes:
        figure: Which, such as accuracy.
        lowest: The group where it is lowest.
        highest: The group where it is highest.
        difference: Of the two, 0..1.
    """

    figure: str
    lowest: str
    highest: str
    difference: float


@dataclass(frozen=True)
class Grouped:
    """One grouping of a set.

    Attributes:
        groups: By name; empty ones are left out.
        gaps: Of the accuracy and of each recall, or, without labels, of what is called so; the largest first.
    """

    groups: dict[str, GroupFigures]
    gaps: tuple[Gap, ...]


def measure_groups(
    predicted_N: npt.NDArray[np.int64], targets_N: npt.NDArray[np.int64], labels: tuple[str, ...], groups: Groups
) -> dict[str, Grouped]:
    """Measure each group of each grouping.

    Args:
        predicted_N: Positions in the labels.
        targets_N: The same; -1 where a picture has no label.
        labels: Of the network.
        groups: Of the same pictures.
    """
    measured = {}
    for grouping, masks in groups.items():
        figures = {
            name: _figures(predicted_N[mask_N], targets_N[mask_N], labels)
            for name, mask_N in masks.items()
            if mask_N.any()
        }
        measured[grouping] = Grouped(figures, _gaps(figures, labels))
    return measured


def read_groups(grouping: str, read_N: npt.NDArray[np.int64], labels: Iterable[str]) -> dict[str, dict[str, Mask]]:
    """Return groups by what another network says of each face.

    Args:
        grouping: Its name.
        read_N: Positions in the labels.
        labels: Of that network.
    """
    return {grouping: {label: read_N == k for k, label in enumerate(labels)}}


def _figures(
    predicted_N: npt.NDArray[np.int64], targets_N: npt.NDArray[np.int64], labels: tuple[str, ...]
) -> GroupFigures:
    hits_N, known_N = predicted_N == targets_N, targets_N >= 0
    recalls = {label: hits_N[targets_N == k] for k, label in enumerate(labels)}
    return GroupFigures(
        pictures=len(targets_N),
        accuracy=_share(hits_N[known_N]),
        recall={label: _share(of_label) for label, of_label in recalls.items()},
        called={label: _certain(predicted_N == k) for k, label in enumerate(labels)},
    )


def _share(hits_N: Mask) -> Share | None:
    return _certain(hits_N) if len(hits_N) else None


def _certain(hits_N: Mask) -> Share:
    share = float(hits_N.mean())
    return Share(share, accuracy_interval(share, len(hits_N)), len(hits_N))


def _gaps(figures: Mapping[str, GroupFigures], labels: Iterable[str]) -> tuple[Gap, ...]:
    def gap(figure: str, value: Callable[[GroupFigures], Share | None]) -> Iterable[Gap]:
        found = {name: value(each) for name, each in figures.items()}
        shares = {name: each.share for name, each in found.items() if each and each.pictures >= LEAST}
        if len(shares) > 1:
            low, high = min(shares, key=shares.__getitem__), max(shares, key=shares.__getitem__)
            yield Gap(figure, low, high, shares[high] - shares[low])

    if any(each.accuracy for each in figures.values()):
        recalls = (gap(f"recall of {label}", _recall_of(label)) for label in labels)
        gaps = chain(gap("accuracy", lambda each: each.accuracy), *recalls)
    else:
        gaps = chain.from_iterable(gap(f"called {label}", _called(label)) for label in labels)
    return tuple(sorted(gaps, key=lambda each: -each.difference))


def _recall_of(label: str) -> Callable[[GroupFigures], Share | None]:
    return lambda each: each.recall[label]


def _called(label: str) -> Callable[[GroupFigures], Share | None]:
    return lambda each: each.called[label]
