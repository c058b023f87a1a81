"""Networks in 8-bit integers: how close they are, what is refused, and that the server runs what the commands write."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from training.quantize import QuantizingRuntime, check_loss, float_runtime, quantize

from app.errors import WeightsError
from app.faces.pipeline import Pipeline
from app.runtimes.openvino import OpenVinoRuntime
from app.weights import default_weights_dir, load_int8, load_manifest
from training.cli import main
from training.errors import RunError

EXAMPLE = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))


class Small(nn.Module):
    """One output a row; much more weights than a graph's XML."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Conv2d(3, 64, 3), nn.SiLU(), nn.Conv2d(64, 64, 3), nn.SiLU(), nn.Flatten())
        self.head = nn.Linear(64 * 12 * 12, 1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        out: Tensor = self.head(self.layers(x_BCHW))
        return out


@pytest.fixture(autouse=True)
def _own_cache_and_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def samples() -> list[np.ndarray]:
    return [row[None].numpy() for row in torch.rand(8, 3, 16, 16, generator=torch.Generator().manual_seed(1))]


@torch.inference_mode()
def test_integers_answer_nearly_the_same_in_a_quarter_of_the_bytes() -> None:
    runtime = QuantizingRuntime(samples())
    [ours] = runtime.load(Small().eval(), EXAMPLE, (0,), "a")(EXAMPLE)
    [exact] = float_runtime().load(Small().eval(), EXAMPLE, (0,), "a")(EXAMPLE)
    assert not torch.equal(ours, exact)
    torch.testing.assert_close(ours, exact, atol=0.02, rtol=0)
    assert runtime.made is not None
    floats = sum(value.numel() for value in Small().parameters()) * 4
    assert len(runtime.made.weights) < 0.3 * floats


def test_the_same_samples_make_the_same_network() -> None:
    first, second = (quantize(Small().eval(), EXAMPLE, (0,), samples()) for _ in range(2))
    assert first.weights == second.weights


def test_half_a_point_may_be_lost_and_no_more() -> None:
    check_loss({"accuracy": 0.760}, {"accuracy": 0.756})
    check_loss({"accuracy": 0.760}, {"accuracy": 0.800})
    with pytest.raises(RunError, match=r"AP50-95 falls from 61.00% to 60.40%"):
        check_loss({"AP50": 0.9, "AP50-95": 0.610}, {"AP50": 0.9, "AP50-95": 0.604})


@pytest.mark.slow
def test_both_commands_write_what_the_server_runs(
    tmp_path: Path, fer2013: tuple[Path, Path], faces: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This is about the files: of a dozen pictures of noise one that changes sides would be more than half a point."""
    monkeypatch.setattr("training.quantize.LARGEST_LOSS", 1.0)
    weights_dir = tmp_path / "weights"
    shutil.copytree(default_weights_dir(), weights_dir, ignore=shutil.ignore_patterns("*.int8.*"))
    for command in (["detector", "--data", str(faces)], ["emotion", "--data", str(fer2013[1])]):
        with pytest.raises(SystemExit) as ended:
            main(["quantize", *command, "--weights-dir", str(weights_dir)])
        assert ended.value.code == 0
    manifest = load_manifest(weights_dir)
    for card, split in ((manifest.detector, "val"), (manifest.emotion, "PublicTest")):
        assert card.int8 is not None
        assert card.int8.metrics["split"] == split
        assert card.int8.graph_sha256 in (weights_dir / card.file).with_suffix(".md").read_text()
    pipeline = Pipeline.load(weights_dir, "cpu", "int8")
    pipeline.warm_up()
    (weights_dir / manifest.emotion.int8.weights).write_bytes(b"other")
    with pytest.raises(WeightsError, match="damaged or exchanged"):
        load_int8(weights_dir, manifest.emotion)


def test_a_network_that_openvino_cannot_read_says_what_to_do() -> None:
    network = quantize(Small().eval(), EXAMPLE, (0,), samples())._replace(graph=b"<net/>")
    with pytest.raises(WeightsError, match="make it again"):
        OpenVinoRuntime(False, 1, {"a": network}).load(Small().eval(), EXAMPLE, (0,), "a")


def test_without_an_exported_network_there_is_nothing_to_quantize(
    tmp_path: Path, fer2013: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps({"schema_version": 1}))
    with pytest.raises(SystemExit) as ended:
        main(["quantize", "emotion", "--data", str(fer2013[1]), "--weights-dir", str(tmp_path)])
    assert ended.value.code == 1
    assert "run `emotion export` first" in capsys.readouterr().err
