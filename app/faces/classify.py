"""A classifier: gray crops in, calibrated probabilities out, whatever runtime runs its network.

Shape letters: N faces, K classes.
"""

import numpy as np
import numpy.typing as npt

from app.errors import WeightsError
from app.faces.crop import Crops
from app.faces.find import softmax
from app.faces.types import Answer
from app.manifest import INPUT_SIZE_PX, ClassifierCard
from app.runtimes.protocol import Network

MAX_FACES_PER_PASS = 256
"""Faces that go through the network at once; a crowd is cut into passes so that memory stays bounded."""


class Classifier:
    """Says how likely each label of one attribute is.

    Args:
        network: Opened by a runtime; its task is classify.
        card: The manifest's entry.

    Raises:
        WeightsError: If the card wants another size than crops have.
    """

    def __init__(self, network: Network, card: ClassifierCard) -> None:
        if card.input_size_px != INPUT_SIZE_PX:
            raise WeightsError(
                f"The classifier of {card.attribute} wants crops of {card.input_size_px} px; "
                f"this version makes crops of {INPUT_SIZE_PX}."
            )
        self._network, self.card = network, card

    def probabilities(self, crops: Crops) -> npt.NDArray[np.float32]:
        """Return the probability of each label, shape (N, K); rows sum to 1. N may be 0."""
        parts = [crops[first : first + MAX_FACES_PER_PASS] for first in range(0, len(crops), MAX_FACES_PER_PASS)]
        rows = [self._network(part)[0].astype(np.float32) / np.float32(self.card.temperature) for part in parts]
        return softmax(np.concatenate(rows)) if rows else np.zeros((0, len(self.card.labels)), dtype=np.float32)

    def __call__(self, crops: Crops) -> list[Answer]:
        """Classify faces, in order."""
        return [
            Answer(self.card.labels, tuple(row), clear=self.card.clear) for row in self.probabilities(crops).tolist()
        ]
