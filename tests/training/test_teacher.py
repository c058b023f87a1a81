from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from tests.training.test_sets import make_set
from training.deployed import to_payload
from training.errors import RunError
from training.sets.plan import SetPlan
from training.sets.recipe import WIDE_RECIPES
from training.sets.start import start_network
from training.sets.teacher import HALVING, WIDTHS, FaceMobileNet, SameConv2d, first_pictures, pretrained_teacher


@pytest.fixture(scope="module")
def layers() -> dict[str, torch.Tensor]:
    """Weights and biases of the folded network, drawn so that its values neither die nor explode."""
    torch.manual_seed(0)
    state: dict[str, torch.Tensor] = {}
    channels = 32
    state["conv1.weight"], state["conv1.bias"] = torch.randn(32, 3, 3, 3) * 0.01, torch.randn(32)
    for number, width in enumerate(WIDTHS, start=1):
        state[f"conv_dw_{number}.weight"] = torch.randn(channels, 1, 3, 3) * 0.5
        state[f"conv_dw_{number}.bias"] = torch.randn(channels) * 0.3
        state[f"conv_pw_{number}.weight"] = torch.randn(width, channels, 1, 1) * (1.5 / channels) ** 0.5
        state[f"conv_pw_{number}.bias"] = torch.randn(width) * 0.3
        channels = width
    return state


@pytest.fixture
def published(layers: dict[str, torch.Tensor], tmp_path: Path) -> Path:
    save_file(layers, tmp_path / "layers.safetensors")
    return tmp_path / "layers.safetensors"


def folded(state: dict[str, torch.Tensor], x_BCHW: torch.Tensor) -> torch.Tensor:
    """The published network written out: sides that are even, so SAME padding adds right and below at stride 2."""
    gray = (x_BCHW + 1) * 127.5
    values = torch.cat([gray - mean for mean in (103.939, 116.779, 123.68)], dim=1)

    def layer(name: str, values: torch.Tensor, halve: bool) -> torch.Tensor:
        weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
        groups = values.shape[1] if weight.shape[1] == 1 and values.shape[1] > 1 else 1
        if weight.shape[-1] == 3:
            values = F.pad(values, (0, 1, 0, 1) if halve else (1, 1, 1, 1))
        return F.conv2d(values, weight, bias, stride=2 if halve else 1, groups=groups).clamp(0, 6)

    values = layer("conv1", values, True)
    for number in range(1, 14):
        values = layer(f"conv_dw_{number}", values, number in HALVING)
        values = layer(f"conv_pw_{number}", values, False)
    return values.mean((2, 3))


def pictures(count: int = 4, side: int = 64) -> torch.Tensor:
    return torch.rand(count, 1, side, side, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_norms_put_back_leave_the_features_as_published(published: Path, layers: dict[str, torch.Tensor]) -> None:
    network = pretrained_teacher(published, [pictures(6, 64)])
    with torch.no_grad():
        ours, theirs = network.features(pictures()), folded(layers, pictures())
    assert theirs.std() > 0.05
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)


def test_the_norms_hold_what_was_measured(published: Path) -> None:
    measured = pictures(8)
    network = pretrained_teacher(published, [measured[:4], measured[4:]])
    assert not network.training
    network.train()
    with torch.no_grad():
        trained = network.features(measured)  # norms by the batch's own statistics, which are those measured
    network.eval()
    with torch.no_grad():
        torch.testing.assert_close(trained, network.features(measured), rtol=0.02, atol=0.02)


@pytest.mark.parametrize(("side", "before", "after"), [(8, 0, 1), (7, 1, 1)])
def test_same_padding_as_tensorflow(side: int, before: int, after: int) -> None:
    convolution = SameConv2d(1, 1, 3, stride=2)
    x_BCHW = torch.randn(1, 1, side, side)
    padded = F.pad(x_BCHW, (before, after, before, after))
    torch.testing.assert_close(convolution(x_BCHW), F.conv2d(padded, convolution.weight, stride=2))
    assert convolution(x_BCHW).shape[-1] == 4


def test_another_network_is_refused(published: Path, layers: dict[str, torch.Tensor], tmp_path: Path) -> None:
    other = {**layers, "conv_pw_13.weight": torch.zeros(1024, 512, 1, 1)}
    save_file(other, tmp_path / "other.safetensors")
    with pytest.raises(RunError, match="layer conv_pw_13"):
        pretrained_teacher(tmp_path / "other.safetensors", [pictures()])


def test_first_pictures_are_spread_over_every_set() -> None:
    batches = first_pictures([make_set(10), make_set(3, SetPlan("b", "b", "folders", 1.0, zoom=1.2))], 32, each_set=5)
    assert [len(batch) for batch in batches] == [5, 3]
    assert batches[0].shape[1:] == (1, 32, 32)
    assert -1 <= batches[0].min() < 0 < batches[0].max() <= 1


def test_five_logits_a_face() -> None:
    assert FaceMobileNet().eval()(pictures(2)).shape == (2, 5)


def test_a_teacher_goes_on_from_what_an_earlier_run_exported(tmp_path):
    before = FaceMobileNet(5).eval()
    path = tmp_path / "mobilenet.safetensors"
    path.write_bytes(to_payload(before.state_dict()))
    after = start_network(WIDE_RECIPES["teacher-again"], path, [], 5).eval()
    faces = pictures(2, 64)
    assert torch.allclose(after(faces), before(faces), atol=2e-2)
