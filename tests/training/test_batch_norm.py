import torch

from app.runtimes.torch.my_model import MyModel, normalize_faces
from training.emotion.batch_norm import refresh_statistics
from training.emotion.data import EmotionSplit

CPU = torch.device("cpu")


def test_statistics_are_those_of_the_pictures():
    torch.manual_seed(0)
    images = torch.randint(0, 256, (40, 1, 48, 48), dtype=torch.uint8)
    split = EmotionSplit(images, torch.zeros(40, dtype=torch.int64), torch.zeros(40, 5), -torch.ones(40))
    model = MyModel(widths=(16, 32), dropout=0.5)
    first_norm = model.stages[0][0].body[1]
    first_norm.running_mean.fill_(99.0)
    refresh_statistics(model, split, CPU, bf16=False)
    with torch.no_grad():
        expected = model.stages[0][0].body[0](normalize_faces(images)).mean(dim=(0, 2, 3))
    torch.testing.assert_close(first_norm.running_mean, expected, atol=1e-4, rtol=1e-3)
    assert first_norm.momentum == 0.1
    assert not any(module.training for module in model.modules())


def test_pictures_that_lie_class_by_class_are_mixed(monkeypatch):
    """Batches of one class each would hide how much the classes differ."""
    monkeypatch.setattr("training.emotion.batch_norm.EVALUATION_BATCH", 20)
    torch.manual_seed(0)
    images = torch.cat([torch.full((40, 1, 48, 48), value, dtype=torch.uint8) for value in (0, 255)])
    split = EmotionSplit(images, torch.zeros(80, dtype=torch.int64), torch.zeros(80, 5), -torch.ones(80))
    model = MyModel(widths=(16, 32))
    norm = model.stages[0][0].body[1]
    refresh_statistics(model, split, CPU, bf16=False)
    with torch.no_grad():
        expected = model.stages[0][0].body[0](normalize_faces(images)).var(dim=(0, 2, 3))
    torch.testing.assert_close(norm.running_var, expected, rtol=0.1, atol=1e-6)
