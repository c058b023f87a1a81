"""A teacher from pretrained layers: MobileNet-v1 trained on faces, with batch norms put back and a new head.

The published weights have their batch norms folded in, and without norms fine-tuning is slow. So each convolution gets
a new norm that starts as the identity on the training pictures: the network answers as before, and then learns fast.
Shape letters: B batch, C channels, H height, W width, K classes.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load
from torch import Tensor, nn

from app.runtimes.torch.my_model import normalize_faces
from training.deployed import read_payload
from training.errors import RunError
from training.sets.augment import frame
from training.sets.loading import FaceSet

MEANS_BGR = (103.939, 116.779, 123.68)
"""Subtracted from 0..255, as in the network's own training (Caffe's means of ImageNet)."""

WIDTHS = (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
"""Channels after each of the thirteen pairs of layers."""

HALVING = (2, 4, 6, 12)
"""Pairs (from 1) whose depthwise layer has stride 2."""

EPSILON = 1e-3


class SameConv2d(nn.Conv2d):
    """A convolution without bias, with TensorFlow's SAME padding: what cannot be split evenly goes right and below."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(in_channels, out_channels, kernel, stride, groups=groups, bias=False)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C', ceil(H / stride), ceil(W / stride)).

        A depthwise layer computes in float32 also under autocast: bfloat16 makes it slower on a CPU.
        """
        if self.groups > 1 and x_BCHW.device.type == "cpu":
            with torch.autocast("cpu", enabled=False):
                return self._convolve(x_BCHW.float())
        return self._convolve(x_BCHW)

    def _convolve(self, x_BCHW: Tensor) -> Tensor:
        height, width = (self._missing(side) for side in x_BCHW.shape[-2:])
        if self.stride[0] == 1:
            return F.conv2d(x_BCHW, self.weight, padding=self.kernel_size[0] // 2, groups=self.groups)
        padded = F.pad(x_BCHW, (width // 2, width - width // 2, height // 2, height - height // 2))
        return F.conv2d(padded, self.weight, stride=self.stride, groups=self.groups)

    def _missing(self, side: int) -> int:
        """Return how many rows or columns the padding adds."""
        stride, kernel = self.stride[0], self.kernel_size[0]
        return max((-(-side // stride) - 1) * stride + kernel - side, 0)


class Layer(nn.Module):
    """Convolution, batch norm, ReLU6."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.conv = SameConv2d(in_channels, out_channels, kernel, stride, groups)
        self.norm = nn.BatchNorm2d(out_channels, eps=EPSILON)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C', H', W')."""
        return F.relu6(self.norm(self.conv(x_BCHW)))


class FaceMobileNet(nn.Module):
    """MobileNet-v1 (width 1) for gray faces, 3.2 million parameters.

    Args:
        num_classes: K.
        dropout: Probability of zeroing a feature before the head, in training.

    References:
        Howard et al., "MobileNets", arXiv:1704.04861, table 1.
    """

    means: Tensor

    def __init__(self, num_classes: int = 5, dropout: float = 0.0) -> None:
        super().__init__()
        layers: dict[str, nn.Module] = {"conv1": Layer(3, 32, 3, stride=2)}
        channels = 32
        for number, width in enumerate(WIDTHS, start=1):
            stride = 2 if number in HALVING else 1
            layers[f"conv_dw_{number}"] = Layer(channels, channels, 3, stride, groups=channels)
            layers[f"conv_pw_{number}"] = Layer(channels, width, 1)
            channels = width
        self.layers = nn.Sequential()
        for name, layer in layers.items():
            self.layers.add_module(name, layer)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(channels, num_classes)
        self.register_buffer("means", torch.tensor(MEANS_BGR).view(1, 3, 1, 1), persistent=False)

    def features(self, x_BCHW: Tensor) -> Tensor:
        """Map gray faces (B, 1, H, W), normalised to -1..1 as for My_model, to 1,024 features (B, C)."""
        bgr_BCHW = (x_BCHW * 127.5 + 127.5 - self.means).contiguous(memory_format=torch.channels_last)
        maps_BCHW: Tensor = self.layers(bgr_BCHW)
        return maps_BCHW.mean((2, 3))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Return logits (B, K), one for each label."""
        logits_BK: Tensor = self.classifier(self.dropout(self.features(x_BCHW)))
        return logits_BK


def is_trained_teacher(state: Mapping[str, Tensor]) -> bool:
    """Return whether a state dict is a `FaceMobileNet`'s, with its norms, rather than the published layers."""
    return "layers.conv1.norm.weight" in state


def pretrained_teacher(
    path: Path, batches: Iterable[Tensor], num_classes: int = 5, dropout: float = 0.0
) -> FaceMobileNet:
    """Build the network from the published layers; batch norms are put back without changing its features.

    Args:
        path: The safetensors file with `conv1`, `conv_dw_*` and `conv_pw_*`, weights and biases.
        batches: Normalised training pictures (B, 1, H, W), of the size that will be trained on: each norm takes the
            mean and variance of its layer's outputs from them.
        num_classes: See `FaceMobileNet`.
        dropout: The same.

    Returns:
        The network in evaluation mode; its head is new.

    Raises:
        RunError: If the file does not hold these layers.
    """
    network = FaceMobileNet(num_classes, dropout).eval()
    state = {name: value.float() for name, value in load(read_payload(path)).items()}
    named = {name: layer for name, layer in network.layers.named_children() if isinstance(layer, Layer)}
    for name, layer in named.items():
        weight, bias = state.get(f"{name}.weight"), state.get(f"{name}.bias")
        if weight is None or bias is None or weight.shape != layer.conv.weight.shape:
            raise RunError(f"{path} does not hold the layer {name} of MobileNet-v1 (width 1).")
        layer.conv.weight.data.copy_(weight)
        layer.norm.bias.data.copy_(bias)  # with the mean 0 and the variance 1 of a fresh norm, nearly the identity
        layer.norm.weight.data.fill_((1 + EPSILON) ** 0.5)
    _measure_norms(network, list(named.values()), batches)
    return network


@torch.no_grad()
def _measure_norms(network: FaceMobileNet, layers: list[Layer], batches: Iterable[Tensor]) -> None:
    """Give each norm its layer's mean m and variance v: weight sqrt(v + epsilon) and bias b + m keep the function."""
    sums = [torch.zeros(2, layer.norm.num_features, dtype=torch.float64) for layer in layers]
    counts = [0] * len(layers)

    def gather(index: int, out_BCHW: Tensor) -> None:
        values = out_BCHW.double()
        sums[index] += torch.stack([values.sum((0, 2, 3)), values.square().sum((0, 2, 3))])
        counts[index] += out_BCHW.numel() // out_BCHW.shape[1]

    hooks = [
        layer.conv.register_forward_hook(lambda _module, _inputs, out, index=index: gather(index, out))
        for index, layer in enumerate(layers)
    ]
    for x_BCHW in batches:
        network.features(x_BCHW)
    for hook in hooks:
        hook.remove()
    for layer, (total, squares), count in zip(layers, sums, counts, strict=True):
        mean = total / max(1, count)
        variance = (squares / max(1, count) - mean.square()).clamp(min=0)
        layer.norm.running_mean = mean.float()
        layer.norm.running_var = variance.float()
        layer.norm.weight.data.copy_((variance + EPSILON).sqrt())
        layer.norm.bias.data.add_(mean.float())


def first_pictures(sets: Sequence[FaceSet], size_px: int, each_set: int = 256) -> list[Tensor]:
    """Return normalised pictures spread over the sets, in their own framing, a batch a set: (B, 1, H, W) each."""
    batches: list[Tensor] = []
    for each in sets:
        index = np.linspace(0, len(each) - 1, min(each_set, len(each))).astype(int)
        views = np.stack([frame(each.images_NHW[at], each.plan.zoom, size_px) for at in index])
        batches.append(normalize_faces(torch.from_numpy(views)[:, None]))
    return batches
