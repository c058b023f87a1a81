"""My_model: the five-emotion classifier, a residual CNN with squeeze-and-excitation.

Four stages, each a residual block, max-pooling and dropout; then global average pooling and one linear layer.
A 48x48 input leaves the stages at 24, 12, 6 and 3 pixels. Shape letters: B batch, C channels, H height, W width,
K classes.
"""

from torch import Tensor, nn


class SqueezeExcitation(nn.Module):
    """Scale each channel by a gate computed from all channels' means.

    Args:
        channels: C of the input and of the output.
        reduction: How much narrower the hidden layer is.

    References:
        Hu, Shen, Sun, "Squeeze-and-Excitation Networks", arXiv:1709.01507, section 3; reduction 16 is their choice
        in section 6.1.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.gate = nn.Sequential(
            nn.Conv2d(channels, channels // reduction, kernel_size=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels // reduction, channels, kernel_size=1),
            nn.Sigmoid(),
        )

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Return the input with every channel scaled by its gate in 0..1; same shape."""
        scaled_BCHW: Tensor = x_BCHW * self.gate(self.pool(x_BCHW))
        return scaled_BCHW


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with batch norm, squeeze-and-excitation, and a shortcut around them.

    The shortcut is a 1x1 projection if the width changes, else the identity.

    Args:
        in_channels: C of the input.
        out_channels: C of the output.

    References:
        He et al., "Deep Residual Learning for Image Recognition", arXiv:1512.03385, section 3.2 and option B of 4.1.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(out_channels, out_channels, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            SqueezeExcitation(out_channels),
        )
        self.shortcut: nn.Module = nn.Identity()
        if in_channels != out_channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, kernel_size=1, bias=False), nn.BatchNorm2d(out_channels)
            )
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Map (B, in_channels, H, W) to (B, out_channels, H, W)."""
        out: Tensor = self.relu(self.body(x_BCHW) + self.shortcut(x_BCHW))
        return out


class MyModel(nn.Module):
    """The report's My_model: gray face in, logits out; 4.9 million parameters with five outputs.

    Args:
        num_classes: K.
        widths: Channels of each stage.
        dropout: Probability of zeroing a value after each stage, in training.

    References:
        The project's origin, a student report of 2025 (see docs/training.md); dropout: Srivastava et al.,
        "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", JMLR 15, 2014, section 4.
    """

    def __init__(
        self, num_classes: int = 5, widths: tuple[int, ...] = (64, 128, 256, 512), dropout: float = 0.2
    ) -> None:
        super().__init__()
        stages: list[nn.Module] = []
        in_channels = 1
        for width in widths:
            stages.append(
                nn.Sequential(ResidualBlock(in_channels, width), nn.MaxPool2d(kernel_size=2), nn.Dropout(dropout))
            )
            in_channels = width
        self.stages = nn.Sequential(*stages)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.classifier = nn.Linear(in_channels, num_classes)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Classify faces.

        Args:
            x_BCHW: Gray faces, float, shape (B, 1, 48, 48), normalised to -1..1 by (value / 255 - 0.5) / 0.5.

        Returns:
            Logits, shape (B, K), one for each label, in the manifest's order.
        """
        logits_BK: Tensor = self.classifier(self.flatten(self.pool(self.stages(x_BCHW))))
        return logits_BK


def normalize_faces(faces_BCHW: Tensor) -> Tensor:
    """Map gray values 0..255 to -1..1: (value / 255 - 0.5) / 0.5, as Normalize(0.5, 0.5) after ToTensor does.

    Args:
        faces_BCHW: Gray, uint8 or float in 0..255, shape (B, 1, H, W).

    Returns:
        float32, same shape.
    """
    return faces_BCHW.float().div(127.5).sub(1.0)
