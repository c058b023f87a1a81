"""What a runtime is: it opens a network's files and returns a function from arrays to arrays.

The names, types and shapes of a network's inputs and outputs are the same in every artifact of a task, so what stands
around a network is written once. Shape letters: B batch, H, W, K classes, A anchors, N of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from app.errors import WeightsError
from app.manifest import INPUT_SIZE_PX, ClassifierCard, DetectorCard
from app.weights import NetworkFiles

Array = npt.NDArray[Any]

Network = Callable[[Array], tuple[Array, ...]]
"""A network that is ready to run, by one thread at a time; it raises OutOfMemory or DeviceLost as its device does.

find: canvases, RGB uint8 (B, H, W, 3), sides multiples of 32 -> class logits (B, K, N), logits of the distances to the
box's sides (B, 4 * 16, N), and the indices of these N anchors over all feature maps, int64 (B, N). N is all of them, or
the `MAX_CANDIDATES` with the highest logits.
classify: gray faces, float32 0..255, (B, 1, 48, 48) -> logits (B, K).
All outputs but the indices are floats; they may be of fewer bits than float32.
"""

MAX_CANDIDATES = 1000
"""Best anchors of a picture that are decoded to boxes; bounds the quadratic cost of NMS when the threshold is low."""

DISTANCE_CHANNELS = 4 * 16
"""Four distances, each as a distribution over 16 bins (Li et al. 2020, arXiv:2006.04388)."""

WARM_UP_SIDE_PX = 64


@dataclass(frozen=True)
class Signature:
    """Names of a graph's input and outputs, by task; the sizes that vary are -1.

    Attributes:
        input: Name of the input.
        shape: Its shape.
        dtype: Its type.
        outputs: Names of the outputs, in order.
    """

    input: str
    shape: tuple[int, ...]
    dtype: str
    outputs: tuple[str, ...]


SIGNATURES: dict[str, Signature] = {
    "find": Signature("canvas", (-1, -1, -1, 3), "uint8", ("logits", "distances")),
    "classify": Signature("faces", (-1, 1, INPUT_SIZE_PX, INPUT_SIZE_PX), "float32", ("logits",)),
}


class Runtime(Protocol):
    """Runs networks: a library with its device, precision and threads."""

    @property
    def name(self) -> str:
        """What the setting calls it."""

    @property
    def description(self) -> str:
        """Library with version, precision and device, for logs and GET /models."""

    def open(self, network: NetworkFiles) -> Network:
        """Read and verify a network's files and make it ready.

        Raises:
            WeightsError: If a file is missing, altered, or not what the manifest says.
        """


def example_of(card: DetectorCard | ClassifierCard) -> Array:
    """Return a small valid input: two gray rows."""
    if isinstance(card, DetectorCard):
        return np.full((2, WARM_UP_SIDE_PX, 2 * WARM_UP_SIDE_PX, 3), 114, dtype=np.uint8)
    return np.full((2, 1, card.input_size_px, card.input_size_px), 127, dtype=np.float32)


def check_answer(network: Network, files: NetworkFiles) -> None:
    """Run a network once and check its answer's shapes and values.

    Raises:
        WeightsError: If they are not what the manifest promises.
    """
    card = files.card
    outputs = network(example_of(card))
    classes = len(card.labels)
    if isinstance(card, DetectorCard):
        anchors = outputs[-1].shape[1:]
        wanted = [(2, classes, *anchors), (2, DISTANCE_CHANNELS, *anchors), (2, *anchors)]
    else:
        wanted = [(2, classes)]
    if [each.shape for each in outputs] != wanted:
        raise WeightsError(f"{files.name} answers with other shapes than the manifest says: it is of another kind.")
    if not all(np.isfinite(each).all() for each in outputs):
        raise WeightsError(f"{files.name} computes what is no number on this machine: set the precision to fp32.")
