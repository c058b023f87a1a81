"""What stands inside a graph: a network with its state, from the raw input to the raw output of its task.

Shape letters: B batch, C channels, H height, W width, K classes, A anchors.
"""

from collections.abc import Callable
from typing import Self

from torch import Tensor, nn

from app.errors import WeightsError
from app.manifest import NetworkCard
from app.runtimes.torch.my_model import MyModel, normalize_faces
from app.runtimes.torch.state import fill
from app.runtimes.torch.ultralytics_door import DetectionModel
from app.runtimes.torch.yolov8 import build_yolov8n


class FindGraph(nn.Module):
    """YOLOv8n from the canvas to its head's raw output for each anchor.

    Args:
        network: With its weights; ownership passes here, and batch norms are folded into the convolutions.
    """

    def __init__(self, network: DetectionModel) -> None:
        super().__init__()
        self.network = network.eval().fuse(verbose=False)
        self.eval()

    def train(self, mode: bool = True) -> Self:
        """Set the mode, but not the head's, which returns raw maps only in training mode."""
        super().train(mode)
        self.network.model[-1].training = True
        return self

    def forward(self, canvas_BHWC: Tensor) -> tuple[Tensor, Tensor]:
        """Run the network.

        Args:
            canvas_BHWC: RGB, uint8, sides are multiples of 32.

        Returns:
            Logits of the classes, (B, K, A), and of the distances to the box's sides, (B, 4 * 16, A).
        """
        maps = self.network(canvas_BHWC.permute(0, 3, 1, 2).float().div(255))
        return maps["scores"], maps["boxes"]


class ClassifyGraph(nn.Module):
    """My_model from gray values to logits.

    Args:
        network: With its weights; ownership passes here.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.eval()

    def forward(self, faces_BCHW: Tensor) -> tuple[Tensor]:
        """Run the network.

        Args:
            faces_BCHW: Gray, float in 0..255, shape (B, 1, 48, 48).

        Returns:
            Logits, (B, K).
        """
        return (self.network(normalize_faces(faces_BCHW)),)


def _yolov8n(card: NetworkCard, state: dict[str, Tensor], name: str) -> nn.Module:
    network = build_yolov8n(len(card.labels))
    fill(network, state, name)
    return FindGraph(network)


def _my_model(card: NetworkCard, state: dict[str, Tensor], name: str) -> nn.Module:
    network = MyModel(num_classes=len(card.labels))
    fill(network, state, name)
    return ClassifyGraph(network)


ARCHITECTURES: dict[str, Callable[[NetworkCard, dict[str, Tensor], str], nn.Module]] = {
    "yolov8n": _yolov8n,
    "my_model": _my_model,
}
"""By the manifest's name."""


def build_graph(card: NetworkCard, state: dict[str, Tensor], name: str) -> nn.Module:
    """Build what an artifact of this network computes, in evaluation mode.

    Args:
        card: Its entry.
        state: Its tensors, float32.
        name: What the state is, for the message.

    Raises:
        WeightsError: If the architecture is unknown or the state does not fit it.
    """
    if card.architecture not in ARCHITECTURES:
        raise WeightsError(f"{name}: this version knows no architecture {card.architecture!r}.")
    return ARCHITECTURES[card.architecture](card, state, name)
