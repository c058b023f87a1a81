from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torchvision import models

from training.emotion.network import BACKBONES, make_network
from training.errors import RunError


@pytest.mark.parametrize("backbone", BACKBONES)
def test_every_backbone_answers_gray_faces_with_five_logits(backbone: str) -> None:
    with torch.inference_mode():
        assert make_network(backbone).eval()(torch.rand(2, 1, 48, 48)).shape == (2, 5)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_pretrained_rgb_weights_answer_gray_as_before(tmp_path: Path, suffix: str) -> None:
    torch.manual_seed(0)
    theirs = models.resnet18(weights=None).eval()
    path = tmp_path / f"resnet18{suffix}"
    save_file(theirs.state_dict(), path) if suffix == ".safetensors" else torch.save(theirs.state_dict(), path)
    ours = make_network("resnet18", pretrained=path).eval()
    gray = torch.rand(2, 1, 48, 48)
    theirs.fc, ours.fc = torch.nn.Identity(), torch.nn.Identity()  # another number of classes: not taken over
    with torch.inference_mode():
        torch.testing.assert_close(ours(gray), theirs(gray.expand(-1, 3, -1, -1)), rtol=1e-4, atol=1e-4)


def test_pretrained_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    torch.save(models.vgg11_bn(weights=None).features.state_dict(), path)
    with pytest.raises(RunError, match="other layers"):
        make_network("resnet18", pretrained=path)


def test_a_checkpoint_is_no_state_dict(tmp_path: Path) -> None:
    path = tmp_path / "kept.pt"
    torch.save({"weights": make_network("my_model").state_dict(), "epoch": 3}, path)
    with pytest.raises(RunError, match=r"kept\.pt is not a state dict.*emotion export"):
        make_network("my_model", pretrained=path)


@pytest.mark.parametrize("name", ["none.pth", "none.safetensors", "damaged.pth", "damaged.safetensors"])
def test_pretrained_weights_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    if name.startswith("damaged"):
        (tmp_path / name).write_bytes(b"no weights at all")
    with pytest.raises(RunError, match=name.split(".")[0]):
        make_network("resnet18", pretrained=tmp_path / name)
