import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from app.manifest import load_manifest
from app.runtimes.torch.device import has_native_bf16
from tests.training.commands import assert_one_error_line, run
from tests.training.networks import without_graphs


def test_missing_data_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = run("emotion", "train", "--data", tmp_path / "none", "--recipe", "best", "--run", tmp_path / "run")
    assert code == 1
    assert_one_error_line(capsys, "No FER2013 at", "fer2013.csv")


def test_an_unknown_device_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--data", tmp_path, "--recipe", "best", "--run", tmp_path, "--device", "tpu")
    assert run("emotion", "train", *options) == 1
    assert_one_error_line(capsys, "tpu")


def test_weights_or_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (("emotion", "evaluate"), ("detector", "evaluate")):
        assert run(*command, "--data", tmp_path) == 1
        assert_one_error_line(capsys, "either --run or --weights")
        assert run(*command, "--data", tmp_path, "--weights", tmp_path / "w.safetensors") == 1
        assert_one_error_line(capsys, "--out")


def test_nothing_to_export(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--run", tmp_path, "--data", tmp_path, "--weights-dir", tmp_path)
    assert run("emotion", "export", *options, "--margin", 0, "--shift-y", 0) == 1
    assert_one_error_line(capsys, "train first")
    assert run("detector", "export", *options) == 1
    assert_one_error_line(capsys, "train first")


def test_wrong_detector_data_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("detector", "train", "--data", tmp_path, "--run", tmp_path / "run", "--device", "cpu") == 1
    assert_one_error_line(capsys, "not in YOLO format")


def test_a_run_folder_that_cannot_be_made_is_one_line(
    fer2013: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = fer2013[0] / "run"  # below a file
    options = ("--data", fer2013[1], "--recipe", "report", "--run", folder, "--device", "cpu")
    assert run("emotion", "train", *options) == 1
    assert_one_error_line(capsys, "Not a directory", str(folder))


def test_wrong_usage_and_help() -> None:
    assert run("emotion", "train", "--recipe", "none") == 2
    assert run("--help") == 0


@pytest.mark.slow
def test_train_evaluate_export(
    fer2013: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = without_graphs(monkeypatch)  # `test_export` makes them
    folder, weights_dir = tmp_path / "run", tmp_path / "weights"
    common = ("--data", fer2013[1], "--device", "cpu", "--run", folder)
    train = ("emotion", "train", *common, "--recipe", "report", "--epochs", 1)
    assert run(*train) == 0
    assert (folder / "curves.png").stat().st_size > 0
    assert run(*train) == 0
    assert "already finished" in capsys.readouterr().out
    assert run("emotion", "train", *common, "--recipe", "report", "--epochs", 2) == 1
    assert_one_error_line(capsys, "another recipe", "new folder")

    assert run("emotion", "evaluate", *common) == 0
    assert set(json.loads((folder / "evaluation.json").read_text())["splits"]) == {"PublicTest"}
    assert run("emotion", "export", *common, "--weights-dir", weights_dir, "--margin", 0.1, "--shift-y", 0) == 0
    told = capsys.readouterr().out
    assert "evaluate --final" in told
    assert "crop rule" not in told
    assert "Took yolov8n-face, my_model-gender along from" in told
    assert set(load_manifest(weights_dir).networks) == {"yolov8n-face", "my_model", "my_model-gender"}
    assert [[crop.shape for crop in each] for each in given] == [[(1, 1, 48, 48)] * 10] * 2

    assert run("emotion", "evaluate", *common, "--final") == 0
    splits = json.loads((folder / "evaluation.json").read_text())["splits"]
    assert {name: split["pictures"] for name, split in splits.items()} == {
        "PublicTest": 10,
        "PrivateTest": 10,
        "PublicTest+PrivateTest": 20,
    }
    capsys.readouterr()
    assert run("emotion", "export", *common, "--weights-dir", weights_dir) == 0
    told = capsys.readouterr().out
    assert "crop rule (margin 0.1, shift_y 0) is kept from" in told
    assert "Took" not in told
    entry = json.loads((weights_dir / "manifest.json").read_text())["networks"]["my_model"]
    assert set(entry["metrics"]) == set(splits)
    assert entry["temperature"] == json.loads((folder / "evaluation.json").read_text())["temperature"]


def test_float32_can_be_asked_for_and_a_run_stays_with_it(
    fer2013: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--data", fer2013[1], "--run", tmp_path / "run", "--recipe", "report", "--epochs", 1, "--device", "cpu")
    assert run("emotion", "train", *options, "--fp32") == 0
    assert torch.load(tmp_path / "run" / "kept.pt", weights_only=True)["bf16"] is False
    if has_native_bf16(torch.device("cpu")):
        capsys.readouterr()
        assert run("emotion", "train", *options) == 1
        assert "bf16" in capsys.readouterr().err


def test_without_the_extra_one_line_says_what_to_install() -> None:
    """As after `make serve`, which installs what serving needs."""
    without = "import runpy, sys; sys.modules['sklearn'] = None; runpy.run_module('training', run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", without], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line == "error: the package sklearn is not installed: pip install -e '.[train]' in Mien's sources"
