import errno
import math
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from app.runtimes.torch.my_model import MyModel, normalize_faces
from app.weights import sha256_of
from tests.training.splits import make_split
from training.commands.emotion import RecipeName
from training.deployed import to_payload
from training.emotion.augment import AUGMENTATIONS
from training.emotion.checkpoint import KEPT_WEIGHTS
from training.emotion.export import candidate_of_run
from training.emotion.history import HISTORY, EpochRow
from training.emotion.network import MY_MODEL, make_network
from training.emotion.recipe import BEST, RECIPES, REPORT, Recipe, learning_rate
from training.emotion.targets import soft_targets, teacher_probabilities
from training.emotion.train import Trainer
from training.errors import DataError, RunError

CPU = torch.device("cpu")


def trainer(recipe: Recipe, run_dir: Path, seed: int = 0, count: int = 16) -> Trainer:
    return Trainer(recipe, make_split(count), make_split(10, seed=1), run_dir, CPU, seed, bf16=False)


def numbers(run: Trainer) -> list[dict[str, float]]:
    return [{**asdict(row), "seconds": 0} for row in run.history]


def test_report_keeps_its_rate() -> None:
    assert {learning_rate(REPORT, step, 10) for step in (0, 5, 449)} == {0.001}


def test_best_warms_up_and_falls_by_half_a_cosine() -> None:
    recipe = replace(BEST, epochs=5, warmup_epochs=1, learning_rate=1.0)
    rates = [learning_rate(recipe, step, 10) for step in range(50)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9] == rates[10] == 1.0
    assert rates[30] == pytest.approx(0.5)
    assert rates[49] == pytest.approx(0.5 * (1 + math.cos(math.pi * 39 / 40)))
    assert rates[10:] == sorted(rates[10:], reverse=True)


def test_sizes_grow_with_the_epochs() -> None:
    assert [BEST.size_px(epoch) for epoch in (0, 31, 32, 46, 59)] == [32, 32, 40, 48, 48]


def test_the_command_line_offers_every_recipe() -> None:
    assert {name.value for name in RecipeName} == set(RECIPES)


@pytest.mark.parametrize("augmentation", AUGMENTATIONS.values())
@pytest.mark.parametrize("size_px", [32, 48])
def test_augmentations_keep_range_and_shape(augmentation: type[torch.nn.Module], size_px: int) -> None:
    x_BCHW = augmentation()(make_split(6).images_BCHW, size_px)
    assert x_BCHW.shape == (6, 1, size_px, size_px)
    assert x_BCHW.dtype == torch.float32
    assert x_BCHW.min() >= -1
    assert x_BCHW.max() <= 1


@pytest.mark.parametrize("augmentation", AUGMENTATIONS.values())
def test_augmentations_change_pictures_and_are_fixed_by_the_seed(augmentation: type[torch.nn.Module]) -> None:
    images_BCHW, results = make_split(6).images_BCHW, []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        results.append(augmentation()(images_BCHW, 48))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])
    assert not torch.equal(results[0], normalize_faces(images_BCHW))


def test_the_seed_fixes_the_loss(tmp_path: Path, tiny_recipe: Recipe) -> None:
    losses = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        losses.append(trainer(tiny_recipe, tmp_path / name, seed, count=8).fit(until_epoch=1)[0].train_loss)
    assert losses[0] == losses[1] != losses[2]


def test_one_epoch_on_32_pictures_lowers_the_loss(tmp_path: Path, tiny_recipe: Recipe) -> None:
    recipe = replace(tiny_recipe, warmup_epochs=None, ema_decay=None, augmentation="report", sizes_px=((0, 24),))
    first, second = trainer(replace(recipe, epochs=2), tmp_path, count=32).fit()
    assert second.train_loss < first.train_loss


def test_a_resumed_run_equals_the_uninterrupted_one(tmp_path: Path, tiny_recipe: Recipe) -> None:
    whole = trainer(tiny_recipe, tmp_path / "whole")
    whole.fit()
    trainer(tiny_recipe, tmp_path / "parts").fit(until_epoch=1)
    resumed = trainer(tiny_recipe, tmp_path / "parts")
    assert len(resumed.history) == 1
    resumed.fit()
    assert numbers(resumed) == numbers(whole)
    for ours, theirs in ((resumed.model, whole.model), (resumed.ema, whole.ema)):
        assert ours is not None
        assert theirs is not None
        state = theirs.state_dict()
        assert all(torch.equal(value, state[name]) for name, value in ours.state_dict().items())
    assert (tmp_path / "parts" / KEPT_WEIGHTS).is_file()
    assert len((tmp_path / "parts" / HISTORY).read_text().splitlines()) == 4


def test_a_run_folder_that_cannot_be_made_costs_no_epoch(tmp_path: Path, tiny_recipe: Recipe) -> None:
    (tmp_path / "file").touch()
    run = trainer(tiny_recipe, tmp_path / "file" / "run")
    with pytest.raises(NotADirectoryError):
        run.fit()
    assert not run.optimizer.state


def test_a_run_folder_without_the_right_to_write_costs_no_epoch(tmp_path: Path, tiny_recipe: Recipe) -> None:
    (tmp_path / HISTORY).mkdir()
    run = trainer(tiny_recipe, tmp_path)
    with pytest.raises(IsADirectoryError):
        run.fit()
    assert not run.optimizer.state


def test_a_full_disk_is_an_os_error(tmp_path: Path, tiny_recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        trainer(tiny_recipe, tmp_path).fit(until_epoch=1)


@pytest.mark.parametrize("content", [b"", b"no checkpoint"])
def test_what_is_no_checkpoint_is_said(tmp_path: Path, tiny_recipe: Recipe, content: bytes) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(content)
    with pytest.raises(RunError, match="is not a checkpoint of a run"):
        trainer(tiny_recipe, tmp_path)


@pytest.mark.parametrize("name", ["images_BCHW", "targets_B", "votes_BK"])
def test_other_data_of_the_same_size_does_not_resume(tmp_path: Path, tiny_recipe: Recipe, name: str) -> None:
    trainer(tiny_recipe, tmp_path).fit(until_epoch=1)
    other = make_split(16)
    changed = replace(other, **{name: getattr(other, name).flip(0) + (name == "votes_BK")})
    with pytest.raises(RunError, match="another data:"):
        Trainer(tiny_recipe, changed, make_split(10, seed=1), tmp_path, CPU, bf16=False)


def test_another_recipe_or_seed_does_not_resume(tmp_path: Path, tiny_recipe: Recipe) -> None:
    trainer(tiny_recipe, tmp_path, count=16).fit(until_epoch=1)
    with pytest.raises(RunError, match="another seed"):
        trainer(tiny_recipe, tmp_path, seed=1)
    with pytest.raises(ValueError, match="another recipe"):
        trainer(replace(tiny_recipe, epochs=9), tmp_path)


@pytest.mark.parametrize(("keep", "epoch"), [("best", 2), ("last", 3)])
def test_the_recipe_says_which_epoch_is_kept(tmp_path: Path, tiny_recipe: Recipe, keep: str, epoch: int) -> None:
    run = trainer(replace(tiny_recipe, keep=keep), tmp_path)
    for number, accuracy in enumerate((0.4, 0.6, 0.6), start=1):
        run._keep(EpochRow(number, 1.0, 0.5, 1.0, accuracy, 0.001, 48, 1.0))
    assert run.kept.epoch == candidate_of_run(tmp_path).about["epoch"] == epoch


def test_a_run_goes_on_from_pretrained_weights_and_says_so(tmp_path: Path, tiny_recipe: Recipe) -> None:
    start = tmp_path / "start.safetensors"
    start.write_bytes(to_payload(trainer(tiny_recipe, tmp_path / "first").model.state_dict()))
    common = (make_split(16), make_split(10, seed=1), tmp_path / "second", CPU, 5)
    run = Trainer(tiny_recipe, *common, bf16=False, pretrained=start)
    assert to_payload(run.model.state_dict()) == start.read_bytes()
    run.fit(until_epoch=1)
    assert candidate_of_run(tmp_path / "second").about["pretrained_sha256"] == sha256_of(start.read_bytes())
    with pytest.raises(RunError, match="another pretrained_sha256"):
        Trainer(tiny_recipe, *common, bf16=False)


def teacher_file(path: Path, seed: int) -> Path:
    torch.manual_seed(seed)
    path.write_bytes(to_payload(make_network(MY_MODEL).state_dict()))
    return path


def test_half_of_the_target_is_the_teachers_and_the_checkpoint_remembers_it(
    tmp_path: Path, tiny_recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(tiny_recipe, teacher_weight=0.5)
    teachers = tuple(teacher_file(tmp_path / f"{seed}.safetensors", seed) for seed in (1, 2))
    common = (make_split(16), make_split(10, seed=1), tmp_path / "run", CPU)
    run = Trainer(recipe, *common, bf16=False, teachers=teachers)
    taught_BK = teacher_probabilities(teachers, make_split(16), CPU, bf16=False)
    assert torch.allclose(run.targets_BK, 0.5 * soft_targets(make_split(16), 0.0) + 0.5 * taught_BK)
    run.fit(until_epoch=1)
    calls: list[object] = []
    monkeypatch.setattr("training.emotion.train.teacher_probabilities", lambda *args: calls.append(args))
    resumed = Trainer(recipe, *common, bf16=False, teachers=teachers)
    assert torch.equal(resumed.targets_BK, run.targets_BK)
    assert not calls
    told = candidate_of_run(tmp_path / "run").about["teachers_sha256"]
    assert told == [sha256_of(teacher.read_bytes()) for teacher in teachers]
    with pytest.raises(RunError, match="another teachers_sha256"):
        Trainer(recipe, *common, bf16=False, teachers=teachers[:1])


@pytest.mark.parametrize(
    ("weight", "names", "message"),
    [
        (0.5, (), "give --teacher"),
        (0.0, ("t.safetensors",), "leave --teacher out"),
        (0.5, ("none",), "cannot be read"),
        (0.5, ("seven.safetensors",), "No teacher: .*does not fit"),
    ],
)
def test_recipe_and_teachers_must_go_together(
    tmp_path: Path, tiny_recipe: Recipe, weight: float, names: tuple[str, ...], message: str
) -> None:
    teacher_file(tmp_path / "t.safetensors", 0)
    (tmp_path / "seven.safetensors").write_bytes(to_payload(MyModel(num_classes=7).state_dict()))
    teachers = tuple(tmp_path / name for name in names)
    recipe = replace(tiny_recipe, teacher_weight=weight)
    with pytest.raises(RunError, match=message):
        Trainer(recipe, make_split(16), make_split(8), tmp_path, CPU, bf16=False, teachers=teachers)


class SeesSizes(torch.nn.Module):
    """Notes the sides of what it is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.sides = torch.nn.BatchNorm2d(1), set()

    def forward(self, x_BCHW: torch.Tensor) -> torch.Tensor:
        self.sides.add(x_BCHW.shape[-1])
        return self.norm(x_BCHW).mean((1, 2, 3))[:, None].repeat(1, 5)


@pytest.mark.parametrize(("small", "sides"), [(False, {48}), (True, {16})])
def test_statistics_and_validation_see_whole_pictures_unless_asked_for_the_training_size(
    tmp_path: Path, tiny_recipe: Recipe, small: bool, sides: set[int]
) -> None:
    split = make_split(8)
    run = Trainer(tiny_recipe, split, split, tmp_path, CPU, bf16=False, val_at_training_size=small)
    assert run.ema is not None
    run.ema.module = SeesSizes()
    run._validate(0)
    assert run.ema.module.sides == sides


def test_a_rehearsal_is_not_taken_for_the_run(tiny_recipe, tmp_path):
    """The same folder with more pictures is another run."""
    Trainer(tiny_recipe, make_split(16), make_split(8), tmp_path, CPU, bf16=False).fit()
    with pytest.raises(RunError, match=r"\[16, 8\] there, \[24, 8\] now"):
        Trainer(tiny_recipe, make_split(24), make_split(8), tmp_path, CPU, bf16=False)


def test_recipe_with_votes_needs_votes(tiny_recipe, tmp_path):
    with pytest.raises(DataError, match=r"ferplus\.csv"):
        Trainer(replace(tiny_recipe, ferplus_weight=0.5), make_split(16), make_split(8), tmp_path, CPU, bf16=False)
