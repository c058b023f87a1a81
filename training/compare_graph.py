"""Whether a graph answers like the PyTorch module that it was made from.

Shape letters: N anchors.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor

from app.faces.find import STRIDES, decode_boxes, softmax
from app.manifest import ClassifierCard, DetectorCard
from app.runtimes.protocol import Array, Network
from app.runtimes.torch.graphs import build_graph
from training.errors import RunError

MOST_BOX_PX, MOST_PROBABILITY = 0.5, 0.01
"""Largest differences that let a graph pass, in float32: pixels of the canvas, and of a score or probability."""

LOWEST_SCORE = 0.05
"""Anchors below are never asked for, and their boxes are vague: one of a score of 0.001 moves by 6 px in float16."""


@dataclass(frozen=True)
class Difference:
    """Largest differences between two networks.

    Attributes:
        box_px: Of a box's side, in pixels of the canvas; 0 for a classifier.
        probability: Of a score or a probability.
        compared: Number of boxes or faces.
    """

    box_px: float
    probability: float
    compared: int

    def joined(self, other: "Difference") -> "Difference":
        """Return the larger differences of both; what is no number stays so."""
        return Difference(
            float(np.maximum(self.box_px, other.box_px)),
            float(np.maximum(self.probability, other.probability)),
            self.compared + other.compared,
        )


def compare(
    card: DetectorCard | ClassifierCard, state: dict[str, Tensor], network: Network, inputs: Sequence[Array]
) -> Difference:
    """Compare a graph with the module, both in float32.

    Args:
        card: The network's entry.
        state: Its tensors.
        network: The graph, opened in float32.
        inputs: Real inputs, one row each.

    Raises:
        RunError: If they differ by more than the bounds, or there is nothing to compare on.
    """
    if not inputs:
        raise RunError("There is no picture to compare the graph on.")
    module, found = build_graph(card, state, card.architecture), Difference(0.0, 0.0, 0)
    for one in inputs:
        with torch.inference_mode():
            ours = tuple(each.numpy() for each in module(torch.from_numpy(one)))
        theirs = network(one)
        if isinstance(card, DetectorCard):
            found = found.joined(_compare_boxes(ours, theirs, one.shape[1:3]))
        else:
            found = found.joined(_compare_logits(ours, theirs, card.temperature))
    if found.compared == 0:
        raise RunError("The network finds no face in the pictures to compare the graph on: give pictures with faces.")
    if not (found.box_px <= MOST_BOX_PX and found.probability <= MOST_PROBABILITY):  # nor what is no number
        raise RunError(
            f"The graph answers otherwise than the network that it was made from: by {found.box_px:.3f} px and "
            f"{found.probability:.4f}; at most {MOST_BOX_PX} px and {MOST_PROBABILITY} are let pass. Not written."
        )
    return found


def describe(difference: Difference) -> dict[str, object]:
    """Return the figures for the manifest."""
    return {f"largest_{name}" if name != "compared" else name: value for name, value in asdict(difference).items()}


def _compare_logits(ours: tuple[Array, ...], theirs: tuple[Array, ...], temperature: float) -> Difference:
    """Compare the probabilities of one face."""
    here, there = (softmax(outputs[0].astype(np.float32) / np.float32(temperature)) for outputs in (ours, theirs))
    return Difference(0.0, float(np.abs(here - there).max()), 1)


def _compare_boxes(ours: tuple[Array, ...], theirs: tuple[Array, ...], canvas: tuple[int, ...]) -> Difference:
    """Compare the boxes that could be asked for, before NMS, and all scores."""
    shapes = [(canvas[0] // stride, canvas[1] // stride) for stride in STRIDES]
    scores_N, scores_there_N = (1 / (1 + np.exp(-outputs[0][0].max(axis=0))) for outputs in (ours, theirs))
    asked_N = np.flatnonzero(scores_N >= LOWEST_SCORE)
    boxes, boxes_there = (
        decode_boxes(outputs[1][0][:, asked_N].T.astype(np.float32), asked_N, shapes) for outputs in (ours, theirs)
    )
    score = np.abs(scores_N - scores_there_N).max()
    return Difference(float(np.abs(boxes - boxes_there).max(initial=0)), float(score), len(asked_N))
