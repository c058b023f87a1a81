"""When a graph counts as the network that it was made from; here the graph is the module with its outputs changed."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from app.manifest import DetectorCard
from app.runtimes.protocol import Array, Network
from app.runtimes.torch.graphs import build_graph
from tests.support.manifest import make_manifest
from tests.training.networks import my_model, yolov8n
from training.compare_graph import Difference, compare, describe
from training.errors import RunError

EMOTION, DETECTOR = make_manifest().emotion, make_manifest().detector
ANCHORS, SURE = 84, 80
"""Of a canvas of 64 px; those of the coarsest map are below the lowest score."""


def inputs(card) -> list[Array]:
    generator = np.random.default_rng(0)
    if isinstance(card, DetectorCard):
        return [generator.integers(0, 256, (1, 64, 64, 3), dtype=np.uint8) for _ in range(2)]
    return [generator.uniform(0, 255, (1, 1, 48, 48)).astype(np.float32) for _ in range(2)]


@pytest.fixture(scope="module")
def states() -> dict[str, dict[str, Tensor]]:
    return {EMOTION.task: my_model().state_dict(), DETECTOR.task: yolov8n(0.5, 0.5, 0.001).state_dict()}


@pytest.fixture(scope="module")
def modules(states) -> dict[str, nn.Module]:
    return {card.task: build_graph(card, dict(states[card.task]), "it") for card in (EMOTION, DETECTOR)}


def changed(module: nn.Module, change: Callable[..., object]) -> Network:
    """Return the module with one answer changed, that for the second input."""
    calls = count(1)

    def run(batch: Array) -> tuple[Array, ...]:
        with torch.inference_mode():
            outputs = tuple(each.numpy().copy() for each in module(torch.from_numpy(batch)))
        if next(calls) == 2:
            change(*outputs)
        return outputs

    return run


def same(*_: Array) -> None:
    """Change nothing."""


@pytest.fixture
def compare_changed(states, modules) -> Callable[..., Difference]:
    """Compare a network with itself, changed."""

    def compared(card, change: Callable[..., object]) -> Difference:
        return compare(card, states[card.task], changed(modules[card.task], change), inputs(card))

    return compared


def more_probable(by: float, temperature: float) -> Callable[..., None]:
    """Make the first of five labels more probable by so much."""

    def change(logits: Array) -> None:
        powers = np.exp(logits[0] / temperature)
        share = powers[0] / powers.sum() + by
        logits[0, 0] = temperature * np.log(share / (1 - share) * powers[1:].sum())

    return change


def surer(by: float, anchor: int = 0) -> Callable[..., None]:
    """Raise one anchor's score."""

    def change(logits: Array, distances: Array) -> None:
        score = 1 / (1 + np.exp(-logits[0, 0, anchor])) + by
        logits[0, 0, anchor] = np.log(score / (1 - score))

    return change


def moved(px: float, anchor: int = 0, stride: int = 8) -> Callable[..., None]:
    """Move the left side of one anchor's box."""

    def change(logits: Array, distances: Array) -> None:
        powers = np.exp(distances[0, :16, anchor])
        shares = powers / powers.sum()
        part = px / stride / (15 - shares @ np.arange(16))
        distances[0, :16, anchor] = np.log((1 - part) * shares + part * (np.arange(16) == 15))

    return change


def test_equal_answers_pass_and_say_on_how_much(compare_changed) -> None:
    for card, compared in ((EMOTION, 2), (DETECTOR, 2 * SURE)):
        found = compare_changed(card, same)
        assert (found.compared, found.probability) == (compared, pytest.approx(0.0, abs=1e-5))
        assert found.box_px == pytest.approx(0.0, abs=1e-3)
    assert describe(replace(found, box_px=0.25, probability=0.0)) == {
        "largest_box_px": 0.25,
        "largest_probability": 0.0,
        "compared": 2 * SURE,
    }


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_probabilities_may_differ_by_a_hundredth(compare_changed, temperature: float) -> None:
    card = EMOTION.model_copy(update={"temperature": temperature})
    near = compare_changed(card, more_probable(0.009, temperature))
    assert near.probability == pytest.approx(0.009, abs=1e-4)
    with pytest.raises(RunError, match=r"by 0\.000 px and 0\.0110; .* Not written"):
        compare_changed(card, more_probable(0.011, temperature))


def test_scores_may_differ_by_a_hundredth(compare_changed) -> None:
    near = compare_changed(DETECTOR, surer(0.009))
    assert near.probability == pytest.approx(0.009, abs=1e-4)
    for anchor in (0, ANCHORS - 1):  # also where no face was
        with pytest.raises(RunError, match=r"by 0\.000 px and 0\.0110"):
            compare_changed(DETECTOR, surer(0.011, anchor))


def test_boxes_that_can_be_asked_for_may_differ_by_half_a_pixel(compare_changed) -> None:
    near = compare_changed(DETECTOR, moved(0.45))
    assert near.box_px == pytest.approx(0.45, abs=0.01)
    with pytest.raises(RunError, match=r"by 0\.550 px and 0\.0000"):
        compare_changed(DETECTOR, moved(0.55))
    assert compare_changed(DETECTOR, moved(20.0, ANCHORS - 1, stride=32)).box_px < 0.001


@pytest.mark.parametrize("card", [EMOTION, DETECTOR])
def test_what_is_no_number_does_not_pass(compare_changed, card) -> None:
    with pytest.raises(RunError, match=r"by .*nan"):
        compare_changed(card, lambda *outputs: outputs[-1].fill(np.nan))


def test_there_must_be_something_to_compare(states, modules) -> None:
    with pytest.raises(RunError, match="no picture to compare"):
        compare(EMOTION, states["classify"], changed(modules["classify"], same), [])
    blind = yolov8n(0.01, 0.01, 0.01).state_dict()
    with pytest.raises(RunError, match=r"finds no face .* give pictures with faces"):
        compare(DETECTOR, blind, changed(modules["find"], same), inputs(DETECTOR))
