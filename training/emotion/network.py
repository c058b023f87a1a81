"""The trainable networks: My_model, and two from torchvision to compare it with.

Shape letters: C channels, H, W.
"""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision import models

from app.manifest import LABELS
from app.runtimes.torch.my_model import MyModel
from training.errors import RunError

MY_MODEL = "my_model"
BACKBONES: tuple[str, ...] = (MY_MODEL, "resnet18", "vgg11_bn")
"""ResNet-18: He et al., arXiv:1512.03385, table 1; VGG-11 with batch norm: Simonyan, Zisserman, arXiv:1409.1556,
table 1, column A. Both as torchvision builds them, with a first layer for one gray channel."""


def make_network(
    backbone: str, dropout: float = 0.0, pretrained: Path | None = None, num_classes: int = len(LABELS)
) -> nn.Module:
    """Build a network with random weights, or with pretrained ones where they fit.

    Args:
        backbone: One of `BACKBONES`.
        dropout: For My_model; the others keep their own.
        pretrained: A state dict (.safetensors, or torchvision's .pth) of the same architecture. Its first layer may
            expect RGB: the weights of the three channels are summed, so it responds to gray as the original does to
            gray in all three. Its last layer may have another number of classes: then it is left out.
        num_classes: Number of outputs.

    Raises:
        RunError: If the file is missing, is not a state dict, or only single layers fit.
    """
    network = _build(backbone, dropout, num_classes)
    if pretrained is not None:
        _fill(network, _read(pretrained), pretrained)
    return network


def _build(backbone: str, dropout: float, num_classes: int) -> nn.Module:
    if backbone == MY_MODEL:
        return MyModel(num_classes, dropout=dropout)
    network: nn.Module = models.get_model(backbone, weights=None, num_classes=num_classes)
    name, first = next((name, each) for name, each in network.named_modules() if isinstance(each, nn.Conv2d))
    gray = nn.Conv2d(1, first.out_channels, first.kernel_size, first.stride, first.padding, bias=first.bias is not None)  # type: ignore[arg-type]  # torch types the sizes as tuples of any length
    network.set_submodule(name, gray)
    return network


def _read(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise RunError(f"Pretrained weights {path} cannot be read ({error.strerror}).") from error
    except Exception as error:  # safetensors, zip and pickle each raise their own errors
        raise RunError(f"{path} is not a state dict that can be read safely ({error}).") from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise RunError(f"{path} is not a state dict: of a run, give the .safetensors that `emotion export` wrote.")
    return state


def _fill(network: nn.Module, state: dict[str, Tensor], path: Path) -> None:
    own = network.state_dict()
    fitting = {}
    for name, value in state.items():
        gray = value.sum(1, keepdim=True) if value.ndim == 4 and value.shape[1] == 3 else value
        if name in own and own[name].shape == gray.shape:
            fitting[name] = gray
    if len(fitting) < len(own) // 2:
        raise RunError(f"{path} holds other layers: only {len(fitting)} of {len(own)} tensors fit.")
    network.load_state_dict(fitting, strict=False)
