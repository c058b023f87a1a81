import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from app.manifest import LABELS
from app.runtimes.torch.my_model import MyModel
from tests.training.commands import succeed
from tests.training.test_sets import entry, make_set, noise, plan_file, save
from training.deployed import to_payload
from training.errors import RunError
from training.sets.mixing import Mixing, fit_mixing
from training.sets.predict import predict_set
from training.sets.recipe import WIDE, WIDE_RECIPES
from training.sets.soft_labels import (
    SoftLabels,
    Teacher,
    ask,
    fit_mixings,
    make_soft_labels,
    picture_keys,
    read_soft_labels,
    read_teacher,
    write_soft_labels,
)
from training.sets.teacher import FaceMobileNet


class LeftRight(torch.nn.Module):
    """Calls a face angry or happy by which half is brighter."""

    def forward(self, x_BCHW: torch.Tensor) -> torch.Tensor:
        half = x_BCHW.shape[-1] // 2
        left, right = x_BCHW[..., :half].mean((1, 2, 3)), x_BCHW[..., half:].mean((1, 2, 3))
        zero = torch.zeros_like(left)
        return torch.stack([left * 9, right * 9, zero, zero, zero], dim=1)


ALONE = {None: Mixing((1.0,), (1.0,))}


def always_sad() -> torch.nn.Module:
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(48 * 48, 5))
    torch.nn.init.zeros_(network[1].weight)
    network[1].bias.data = torch.tensor([0.0, 0.0, 100.0, 0.0, 0.0])
    return network


def test_the_file_gives_back_what_was_stored(tmp_path: Path) -> None:
    sets = [make_set(7), make_set(5, first=4)]  # three pictures are in both
    teacher = Teacher(LeftRight(), 48, "left")
    made = make_soft_labels([teacher], sets, ALONE, LABELS)
    assert len(made.keys_N) == 9
    write_soft_labels(made, tmp_path / "soft.npz")
    read = read_soft_labels(tmp_path / "soft.npz", LABELS)
    assert read.sha256 == made.sha256
    assert read.about["teachers"] == ["left"]
    assert read.about["mixings"] == {"made": {"weights": [1.0], "temperatures": [1.0]}}
    for each in sets:
        torch.testing.assert_close(read.of(each), ask(teacher, each).softmax(-1).mean(0), atol=2e-3, rtol=0)
        torch.testing.assert_close(read.of(each).sum(1), torch.ones(len(each)))
    shuffled = dataclasses.replace(sets[0], images_NHW=sets[0].images_NHW[::-1].copy())
    torch.testing.assert_close(read.of(shuffled), read.of(sets[0]).flip(0))


def test_a_picture_that_was_not_asked_about_is_told() -> None:
    made = make_soft_labels([Teacher(LeftRight(), 48, "")], [make_set(4)], ALONE, LABELS)
    with pytest.raises(RunError, match="2 pictures of made have no soft labels"):
        made.of(make_set(4, first=2))


def test_keys_go_by_pixels_and_side() -> None:
    flat = np.zeros((1, 64, 64), np.uint8)
    assert picture_keys(flat)[0] != picture_keys(np.zeros((1, 48, 48), np.uint8))[0]
    assert picture_keys(flat)[0] == picture_keys(flat.copy())[0]
    assert picture_keys(flat)[0] != picture_keys(flat + 1)[0]


def test_the_mirror_view_counts_half_and_weights_count() -> None:
    each, left_right = make_set(6), Teacher(LeftRight(), 48, "")
    both = make_soft_labels([left_right], [each], ALONE, LABELS).of(each)
    torch.testing.assert_close(both[:, 0], both[:, 1], atol=2e-3, rtol=0)  # what the mirror exchanges evens out
    one_in_four = {None: Mixing((0.25, 0.75), (1.0, 1.0))}
    mixed = make_soft_labels([left_right, Teacher(always_sad(), 48, "")], [each], one_in_four, LABELS).of(each)
    torch.testing.assert_close(mixed[:, 2], 0.75 + both[:, 2] / 4, atol=2e-3, rtol=0)
    one_view = predict_set(LeftRight(), each, 48).softmax(1)
    assert (one_view[:, 0] - one_view[:, 1]).abs().max() > 0.1


def test_each_set_believes_whom_its_val_part_proves_right() -> None:
    bright = dataclasses.replace(make_set(40), plan=dataclasses.replace(make_set(1).plan, name="bright"))
    bright.targets_N[:] = predict_set(LeftRight(), bright, 48)[:, :2].argmax(1)
    sad = dataclasses.replace(make_set(40), plan=dataclasses.replace(make_set(1).plan, name="sad"))
    sad.targets_N[:] = LABELS.index("sad")
    mixings = fit_mixings([Teacher(LeftRight(), 48, ""), Teacher(always_sad(), 48, "")], [bright, sad])
    assert mixings["bright"].weights[0] > 0.9
    assert mixings["sad"].weights[1] > 0.9
    assert all(0.1 < weight < 0.9 for weight in mixings[None].weights)  # both sets, alike


def test_a_fitted_temperature_undoes_a_false_one() -> None:
    logits_NK = torch.randn(4000, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2
    drawn_N = torch.distributions.Categorical(logits=logits_NK).sample()
    fitted = fit_mixing([([logits_NK * 3], drawn_N)], 1)
    assert fitted.weights == (1.0,)
    assert fitted.temperatures[0] == pytest.approx(3.0, rel=0.1)


def test_both_kinds_of_teacher_are_read(tmp_path: Path) -> None:
    for name, network, size_px in (("a", MyModel(), 48), ("b", FaceMobileNet(), 96)):
        path = tmp_path / f"{name}.safetensors"
        path.write_bytes(to_payload(network.state_dict()))
        teacher = read_teacher(path)
        x_BCHW = torch.rand(2, 1, size_px, size_px)
        torch.testing.assert_close(teacher.network(x_BCHW), network.eval()(x_BCHW), atol=1e-2, rtol=1e-2)
        assert teacher.size_px == size_px
    (tmp_path / "c.safetensors").write_bytes(to_payload({"other": torch.zeros(3)}))
    with pytest.raises(RunError):
        read_teacher(tmp_path / "c.safetensors")


@pytest.mark.parametrize("change", ["words", "labels", "shape"])
def test_another_file_is_no_file_of_soft_labels(tmp_path: Path, change: str) -> None:
    path = tmp_path / "soft.npz"
    keys, probabilities = np.arange(3, dtype=np.uint64), np.full((3, 5), 0.2, np.float16)
    about = {"labels": list(LABELS)} if change != "labels" else {"labels": ["one", "two"]}
    write_soft_labels(SoftLabels(keys, probabilities[:2] if change == "shape" else probabilities, about), path)
    if change == "words":
        path.write_text("words")
    with pytest.raises(RunError, match="soft labels"):
        read_soft_labels(path, LABELS)


def test_the_commands_store_and_learn_from_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(WIDE_RECIPES, "wide", dataclasses.replace(WIDE, batch_size=6))
    for number, label in enumerate(LABELS):
        save(tmp_path / "mine" / "train" / label / "a.png", noise(number))
        save(tmp_path / "mine" / "val" / label / "a.png", noise(50 + number))
        save(tmp_path / "more" / "train" / f"{number}.png", noise(90 + number))
    more = {"name": "more", "form": "pictures", "path": "more", "share": 1.0}
    described = plan_file(tmp_path, entry(), more)
    teacher, soft = tmp_path / "teacher.safetensors", tmp_path / "soft.npz"
    torch.manual_seed(0)
    teacher.write_bytes(to_payload(MyModel().state_dict()))
    data = ("--data", tmp_path, "--sets", described)
    succeed("sets", "soft-labels", *data, "--teacher", teacher, "--out", soft)
    said = capsys.readouterr().out
    assert "without labels: weight 1.00, temperature" in said
    assert "10 different pictures" in said
    options = ("--recipe", "wide", "--pretrained", teacher, "--soft-labels", soft, "--until", 1, "--steps", 2)
    succeed("sets", "train", *data, "--run", tmp_path / "run", *options)
    assert "1 of 2 steps done" in capsys.readouterr().out
