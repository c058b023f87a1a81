from pathlib import Path

import pytest
import torch
from safetensors.torch import load

from app.runtimes.torch.yolov8 import build_yolov8n
from app.weights import sha256_of
from tests.training.commands import assert_one_error_line, run
from training.deployed import to_payload
from training.detector.blend import blended_payload
from training.detector.recipe import WHOLE, write_recipe
from training.errors import RunError


def payload(seed: int, classes: int = 1) -> bytes:
    torch.manual_seed(seed)
    state = build_yolov8n(classes).state_dict()
    statistics = {name: seed + value for name, value in state.items() if name.endswith(("running_mean", "running_var"))}
    return to_payload({**state, **statistics})


@pytest.fixture
def start(tmp_path: Path) -> Path:
    path = tmp_path / "start.safetensors"
    path.write_bytes(payload(1))
    return path


@pytest.fixture
def finished(tmp_path: Path, start: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run from `start`, as far as a blend looks at it."""
    folder = tmp_path / "run"
    folder.mkdir()
    write_recipe(WHOLE, {"start_sha256": sha256_of(start.read_bytes()), "data_sha256": "d"}, folder)
    monkeypatch.setattr("training.detector.blend.payload_of_run", lambda _: payload(2))
    return folder


def test_a_blend_is_the_weighted_mean_of_start_and_end(finished: Path, start: Path) -> None:
    blended, first, last = load(blended_payload(finished, start, 0.25)), load(start.read_bytes()), load(payload(2))
    assert blended.keys() == last.keys()
    for name, value in blended.items():
        expected = 0.25 * first[name].float() + 0.75 * last[name].float()
        assert torch.allclose(value.float(), expected, atol=1e-3)
    assert any(not torch.equal(value, last[name]) for name, value in blended.items())


def test_without_a_share_it_is_the_run(finished: Path) -> None:
    assert blended_payload(finished, None, 0.0) == payload(2)


def test_share_and_start_belong_together(finished: Path, start: Path) -> None:
    for given, share in ((start, 0.0), (None, 0.2)):
        with pytest.raises(RunError, match="give both or neither"):
            blended_payload(finished, given, share)


def test_only_the_start_of_that_run_is_blended_in(finished: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.safetensors"
    other.write_bytes(payload(3))
    with pytest.raises(RunError, match="did not start from"):
        blended_payload(finished, other, 0.2)


def test_a_start_for_other_classes_is_refused(finished: Path, start: Path) -> None:
    start.write_bytes(payload(1, classes=80))
    write_recipe(WHOLE, {"start_sha256": sha256_of(start.read_bytes()), "data_sha256": "d"}, finished)
    with pytest.raises(RunError, match="head for other classes"):
        blended_payload(finished, start, 0.2)


def test_a_share_beside_finished_weights_is_refused(
    start: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("--weights", start, "--data", tmp_path, "--out", tmp_path / "out", "--start-share", 0.2)
    assert run("detector", "evaluate", *given) == 1
    assert_one_error_line(capsys, "--start-share has no effect with --weights")
