import torch

from app.manifest import LABELS
from app.runtimes.torch.my_model import MyModel, ResidualBlock


def test_labels_are_the_contract():
    assert LABELS == ("angry", "happy", "sad", "surprise", "neutral")


def test_size_and_shape():
    model = MyModel().eval()
    assert 4_900_000 <= sum(each.numel() for each in model.parameters()) <= 5_100_000
    assert model(torch.zeros(2, 1, 48, 48)).shape == (2, 5)


def test_stages_halve_the_picture():
    x, sides = torch.zeros(1, 1, 48, 48), []
    for stage in MyModel().eval().stages:
        x = stage(x)
        sides.append(x.shape[-1])
    assert sides == [24, 12, 6, 3]


def test_shortcut_is_projected_only_where_the_width_changes():
    assert isinstance(ResidualBlock(64, 64).shortcut, torch.nn.Identity)
    assert isinstance(ResidualBlock(64, 128).shortcut, torch.nn.Sequential)


def test_batch_does_not_change_an_answer():
    torch.manual_seed(0)
    model, x = MyModel().eval(), torch.randn(4, 1, 48, 48)
    with torch.no_grad():
        torch.testing.assert_close(model(x)[2:3], model(x[2:3]), rtol=1e-4, atol=1e-4)
