"""Graphs of exported networks: how close integers are, what is refused, and that the server runs what is written."""

import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from app.errors import WeightsError
from app.faces.pipeline import Pipeline
from app.faces.types import DetectOptions
from app.manifest import EMOTION, ClassifierCard, DetectorCard, load_manifest
from app.runtimes import openvino_door as openvino
from app.runtimes.openvino import OpenVinoRuntime
from app.runtimes.precision import Precision
from app.runtimes.torch.state import parse_state
from app.weights import sha256_of
from tests.training.commands import assert_one_error_line, run, succeed
from tests.training.networks import artifacts_of, contents, files_of, my_model, read_model
from training.artifacts import check_loss
from training.convert import convert, quantize, serialize
from training.deployed import to_payload
from training.errors import RunError
from training.manifest_entry import read_entry, write_entry

FLOATS, INTEGERS = Precision("fp32", "fp32", "fp32"), Precision("int8", "int8", "fp32")


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


def small_model() -> openvino.Model:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="`torch.jit")
        return openvino.convert_model(torch.jit.trace(Small().eval(), torch.zeros(2, 3, 16, 16), check_trace=False))


def samples(seed: int = 1) -> list[np.ndarray]:
    generator = torch.Generator().manual_seed(seed)
    return [row[None].numpy() for row in torch.rand(8, 3, 16, 16, generator=generator)]


def test_integers_answer_nearly_the_same_in_a_quarter_of_the_bytes() -> None:
    graph, core = quantize(small_model(), samples()), openvino.Core()
    network = core.compile_model(core.read_model(*graph), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    example = np.concatenate(samples(seed=0))
    [ours] = network(example).values()
    with torch.inference_mode():
        exact = Small().eval()(torch.from_numpy(example)).numpy()
    assert (ours != exact).any()
    np.testing.assert_allclose(ours, exact, atol=0.02, rtol=0)
    floats = sum(value.numel() for value in Small().parameters()) * 4
    assert len(graph.values) < 0.3 * floats


def test_the_same_samples_make_the_same_network() -> None:
    first, second = (quantize(small_model(), samples()) for _ in range(2))
    assert first.values == second.values


def test_floats_are_stored_in_half_of_the_bytes() -> None:
    graph, floats = serialize(small_model()), sum(value.numel() for value in Small().parameters()) * 4
    assert 0.5 * floats <= len(graph.values) < 0.51 * floats


def test_half_a_point_may_be_lost_and_no_more() -> None:
    check_loss({"accuracy": 0.760}, {"accuracy": 0.756})
    check_loss({"accuracy": 0.760, "ECE": 0.01}, {"accuracy": 0.800, "ECE": 0.02})
    with pytest.raises(RunError, match=r"AP50-95 falls from 61.00% to 60.40%"):
        check_loss({"AP50": 0.9, "AP50-95": 0.610}, {"AP50": 0.9, "AP50-95": 0.604})


def keep(weights_dir: Path, source: Path, kind, attribute: str | None = None) -> None:
    """Put a network into a folder with its state alone, as if only that had been exported."""
    name, card = read_entry(source, kind, attribute)
    for file in (card.artifacts.state.file, f"{name}.md"):
        shutil.copy(source / file, weights_dir / file)
    artifacts = card.artifacts.model_copy(update={"openvino": None, "openvino_int8": None})
    write_entry(weights_dir, name, card.model_copy(update={"artifacts": artifacts}))


@pytest.fixture
def states(tmp_path: Path, imported_detector: Path, exported_emotion: Path) -> Path:
    """Both networks, of each the state alone."""
    folder = tmp_path / "weights"
    folder.mkdir()
    keep(folder, imported_detector, DetectorCard)
    keep(folder, exported_emotion, ClassifierCard, EMOTION)
    return folder


@pytest.mark.slow
def test_both_commands_write_what_the_server_runs(
    states: Path, fer2013: tuple[Path, Path], faces: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This is about the files: of a dozen pictures of noise one that changes sides would be more than half a point."""
    monkeypatch.setattr("training.artifacts.LARGEST_LOSS", 1.0)
    for command in (("detector", "--data", faces), ("emotion", "--data", fer2013[1])):
        with pytest.raises(WeightsError, match="no graph for OpenVINO: make it with `python -m training graph"):
            Pipeline.load(states, OpenVinoRuntime(FLOATS, 1))
        succeed("graph", *command, "--weights-dir", states)
    before = contents(states)
    for command in (("detector", "--data", faces), ("emotion", "--data", fer2013[1])):
        succeed("quantize", *command, "--weights-dir", states)
    changed = {name for name, content in contents(states).items() if before.get(name) != content}
    manifest = load_manifest(states)
    assert changed == {
        "manifest.json",
        *(f"{name}{ending}" for name in manifest.networks for ending in (".md", ".int8.xml", ".int8.bin")),
    }
    for name, card in manifest.networks.items():
        text = (states / f"{name}.md").read_text()
        assert text.count("## Files and licence") == 1
        for each in artifacts_of(card):
            assert each.sha256 == sha256_of((states / each.file).read_bytes())
            assert each.sha256 in text
    figures = {"yolov8n-face": {"AP50", "AP50-95"}, "my_model": {"accuracy", "ECE"}}
    for name, split in (("yolov8n-face", "val"), ("my_model", "PublicTest")):
        integers = manifest.networks[name].artifacts.openvino_int8
        assert integers is not None
        assert integers.metrics["split"] == split
        assert set(integers.metrics["fp32"]) == set(integers.metrics["int8"]) == figures[name]
    pipeline = Pipeline.load(states, OpenVinoRuntime(INTEGERS, 1))
    pipeline.warm_up()
    assert pipeline.detect([np.full((64, 64, 3), 127, np.uint8)], [DetectOptions()])[0].faces


def test_integers_that_lose_too_much_are_refused_and_nothing_is_written(
    tmp_path: Path,
    exported_emotion: Path,
    fer2013: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Here the integers are of another network, and all of PublicTest is of the label that the right one says."""
    for folder in (fer2013[1] / "test").iterdir():
        for file in folder.glob("PublicTest_*") if folder.name != "neutral" else ():
            file.unlink()
    weights_dir = shutil.copytree(exported_emotion, tmp_path / "weights")
    before, files = contents(weights_dir), files_of(weights_dir, ClassifierCard, EMOTION)
    theirs = serialize(convert(files.card, parse_state(to_payload(my_model("happy").state_dict()), "it"), "it"))
    monkeypatch.setattr("training.artifacts.convert", lambda *_: read_model(files))
    monkeypatch.setattr("training.artifacts.quantize", lambda *_: theirs)
    assert run("quantize", "emotion", "--data", fer2013[1], "--weights-dir", weights_dir) == 1
    assert_one_error_line(capsys, "accuracy falls from 100.00% to 0.00%", "not written")
    assert contents(weights_dir) == before


def test_integers_need_the_float_graph(
    states: Path, fer2013: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("quantize", "emotion", "--data", fer2013[1], "--weights-dir", states) == 1
    assert_one_error_line(capsys, "my_model has no float graph", "`graph` first")


def test_an_altered_state_makes_no_graph(
    states: Path, fer2013: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    (states / "my_model.safetensors").write_bytes(b"other")
    for command in ("graph", "quantize"):
        assert run(command, "emotion", "--data", fer2013[1], "--weights-dir", states) == 1
        assert_one_error_line(capsys, "damaged or exchanged")


def test_without_an_exported_network_there_is_nothing_to_convert(
    tmp_path: Path, fer2013: tuple[Path, Path], faces: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for manifest, told in (
        ({"schema_version": 2, "networks": {}}, "export` first"),
        ({"schema_version": 1}, "version 2"),
    ):
        (tmp_path / "manifest.json").write_text(json.dumps(manifest))
        for command in ("graph", "quantize"):
            for data in (("detector", "--data", faces), ("emotion", "--data", fer2013[1])):
                assert run(command, *data, "--weights-dir", tmp_path) == 1
                assert_one_error_line(capsys, told)
