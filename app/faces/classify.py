"""My_model for inference: gray faces in, calibrated probabilities out.

Shape letters: B batch, C channels, H, W, K classes.
"""

import torch
from torch import Tensor

from app.errors import WeightsError
from app.runtimes.choose import Runtime
from app.runtimes.torch.my_model import MyModel
from app.weights import INPUT_SIZE_PX, EmotionCard, fill

MEAN = STD = 0.5


def normalize_faces(faces_BCHW: Tensor) -> Tensor:
    """Map gray values 0..255 to -1..1: (value / 255 - 0.5) / 0.5, as Normalize(0.5, 0.5) after ToTensor does.

    Args:
        faces_BCHW: Gray, uint8 or float in 0..255, shape (B, 1, H, W).

    Returns:
        float32, same shape.
    """
    return faces_BCHW.float().div(255 * STD).sub(MEAN / STD)


class EmotionClassifier:
    """My_model behind a runtime.

    Args:
        state: My_model's state with five outputs.
        card: The manifest's entry.
        runtime: Runs the network.

    Raises:
        WeightsError: If the state does not fit, or the card specifies another normalisation or input size.
    """

    def __init__(self, state: dict[str, Tensor], card: EmotionCard, runtime: Runtime) -> None:
        if (card.mean, card.std, card.input_size_px) != (MEAN, STD, INPUT_SIZE_PX):
            raise WeightsError(f"{card.file} wants another normalisation or input size than this version computes.")
        network = MyModel(num_classes=len(card.labels))
        fill(network, state, card.file)
        self.network = runtime.load(network.eval(), torch.zeros(2, 1, INPUT_SIZE_PX, INPUT_SIZE_PX), (0,), card.sha256)
        self.card, self.device = card, runtime.device

    @torch.inference_mode()
    def __call__(self, faces_BCHW: Tensor) -> Tensor:
        """Classify faces.

        Args:
            faces_BCHW: Gray, float in 0..255, shape (B, 1, 48, 48); B may be 0.

        Returns:
            Probabilities in the order of `LABELS`, float32 on the CPU, shape (B, 5); rows sum to 1.
        """
        if len(faces_BCHW) == 0:
            return torch.zeros(0, len(self.card.labels))
        x_BCHW = normalize_faces(faces_BCHW.to(self.device)).contiguous(memory_format=torch.channels_last)
        [logits_BK] = self.network(x_BCHW)
        probabilities_BK: Tensor = (logits_BK.float() / self.card.temperature).softmax(dim=1).cpu()
        return probabilities_BK
