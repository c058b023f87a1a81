import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file
from ultralytics.nn.tasks import DetectionModel

from app.errors import DeviceUnavailable
from app.manifest import DetectorCard
from app.runtimes.torch.device import has_native_bf16
from app.runtimes.torch.graphs import build_graph
from app.runtimes.torch.state import parse_state
from app.runtimes.torch.yolov8 import build_yolov8n
from app.weights import sha256_of
from tests.training.commands import succeed
from tests.training.networks import artifacts_of, files_of, without_graphs, yolov8n
from training.deployed import to_payload
from training.detector.blend import blended_payload
from training.detector.data import check_data, data_sha256, write_data_yaml
from training.detector.device import pick_device, torch_device
from training.detector.evaluate import evaluate_detector, network_of
from training.detector.export import payload_of_run
from training.detector.recipe import RECIPE_FILE, WINDOWS, check_resumed, read_recipe, write_recipe
from training.detector.train import (
    ARCHITECTURE,
    RESULTS,
    FaceModel,
    FaceTrainer,
    finished_epochs,
    load_fitting,
    train_detector,
)
from training.errors import DataError, RunError


def tensors(value: Any) -> list[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return [value]
    nested = value.values() if isinstance(value, dict) else value
    return [tensor for each in nested for tensor in tensors(each)]


def test_a_good_folder_passes_and_is_described(faces: Path, tmp_path: Path) -> None:
    (faces / "images" / "val" / "empty.png").write_bytes((faces / "images" / "val" / "0.png").read_bytes())
    check_data(faces)
    description = yaml.safe_load(write_data_yaml(faces, tmp_path / "run").read_text())
    assert description["path"] == str(faces.resolve())
    assert description["names"] == {0: "face"}


def test_a_missing_folder_is_a_data_error(faces: Path) -> None:
    with pytest.raises(DataError, match="No data set at"):
        check_data(faces / "none")
    (faces / "labels" / "val").rename(faces / "labels" / "else")
    with pytest.raises(DataError, match="no label files"):
        check_data(faces)
    (faces / "images" / "val").rename(faces / "images" / "else")
    with pytest.raises(DataError, match="not in YOLO format"):
        check_data(faces)


def test_no_pictures_is_a_data_error(faces: Path) -> None:
    for file in (faces / "images" / "train").iterdir():
        file.unlink()
    with pytest.raises(DataError, match="holds no pictures"):
        check_data(faces)


@pytest.mark.parametrize("line", ["0 0.5 0.5 0.5", "1 0.5 0.5 0.5 0.5", "0 32 32 10 10", "face 0 0 0 0", "0 nan 0 0 0"])
def test_a_wrong_label_is_a_data_error(faces: Path, line: str) -> None:
    (faces / "labels" / "train" / "0.txt").write_text(f"0 0.5 0.5 0.1 0.1\n{line}\n")
    with pytest.raises(DataError, match=r"0\.txt, line 2"):
        check_data(faces)


def test_labels_of_no_picture_are_a_data_error(faces: Path) -> None:
    for file in sorted((faces / "labels" / "train").iterdir()):
        file.rename(file.with_name(f"{file.stem}.png.txt"))
    with pytest.raises(DataError, match=r"such as 1\.txt for 1\.jpg"):
        check_data(faces)


def test_start_weights_fill_what_fits(tmp_path: Path) -> None:
    torch.manual_seed(0)
    other = build_yolov8n(80)
    path = tmp_path / "start.safetensors"
    path.write_bytes(to_payload(other.state_dict()))
    model = FaceModel(ARCHITECTURE, nc=1, verbose=False)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    loaded = load_fitting(model, path)
    state = model.state_dict()
    first = "model.0.conv.weight"
    assert torch.equal(state[first], load_file(path)[first].float())
    heads = [name for name in before if before[name].shape != other.state_dict()[name].shape]
    assert heads
    assert all(torch.equal(state[name], before[name]) for name in heads)
    counters = sum(name.endswith("num_batches_tracked") for name in state)
    assert loaded == len(state) - len(heads) - counters


def test_start_weights_that_cannot_be_used(tmp_path: Path, faces: Path) -> None:
    with pytest.raises(RunError, match="cannot be read"):
        train_detector(faces, tmp_path / "run", WINDOWS, tmp_path / "none.safetensors", "cpu")
    path = tmp_path / "other.safetensors"
    path.write_bytes(to_payload({"a": torch.zeros(1)}))
    with pytest.raises(RunError, match="Nothing in"):
        load_fitting(torch.nn.Linear(1, 1), path)
    with pytest.raises(RunError, match="does not fit"):
        network_of(path.read_bytes())


def test_the_digest_is_of_names_pictures_and_labels(faces: Path, tmp_path: Path) -> None:
    digests = [data_sha256(faces)]
    for changed in ("labels/val/1.txt", "images/train/2.png"):
        with (faces / changed).open("ab") as file:
            file.write(b"\n")
        digests.append(data_sha256(faces))
    (faces / "images" / "train" / "3.png").rename(faces / "images" / "train" / "4.png")
    digests.append(data_sha256(faces))
    assert len(set(digests)) == 4
    assert data_sha256(faces.rename(tmp_path / "elsewhere")) == digests[-1]


def test_a_run_that_does_not_tell_its_data_is_not_resumed(tmp_path: Path) -> None:
    identity = {"start_sha256": None, "data_sha256": "d"}
    write_recipe(WINDOWS, identity, tmp_path)
    check_resumed(WINDOWS, identity, tmp_path)
    values = json.loads((tmp_path / RECIPE_FILE).read_text())
    del values["data_sha256"]
    (tmp_path / RECIPE_FILE).write_text(json.dumps(values))
    with pytest.raises(RunError, match="does not tell the run's data"):
        check_resumed(WINDOWS, identity, tmp_path)
    assert read_recipe(tmp_path) == (WINDOWS, None)  # such a run can still be evaluated and exported


def test_training_forward_gives_float32() -> None:
    torch.manual_seed(0)
    model = FaceModel(ARCHITECTURE, nc=1, verbose=False).train()
    outputs = tensors(model(torch.rand(2, 3, 64, 64)))
    assert outputs
    assert {output.dtype for output in outputs} == {torch.float32}


@pytest.mark.skipif(not has_native_bf16(torch.device("cpu")), reason="this CPU does not compute bfloat16 itself")
def test_validation_gives_the_boxes_of_float32() -> None:
    torch.manual_seed(0)
    fast, plain = FaceModel(ARCHITECTURE, nc=1, verbose=False).eval(), DetectionModel(ARCHITECTURE, nc=1, verbose=False)
    plain.load_state_dict(fast.state_dict())
    pictures = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        boxes, raw = fast(pictures)
        expected, _ = plain.eval()(pictures)
    torch.testing.assert_close(boxes, expected, atol=0.2, rtol=0.01)
    assert {output.dtype for output in tensors(raw)} == {torch.float32}
    assert not fast.model[-1].training


def test_devices() -> None:
    assert pick_device("cpu") == "cpu"
    assert torch_device("cpu") == torch.device("cpu")
    assert pick_device("auto") == ("0" if torch.cuda.is_available() else "cpu")
    for name in ("tpu", "99", "cuda:99", "0,1"):
        with pytest.raises(DeviceUnavailable):
            pick_device(name)


def test_odd_sizes_are_refused(faces: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="multiple of 32"):
        replace(WINDOWS, imgsz=100)
    with pytest.raises(RunError, match="multiple of 32"):
        replace(WINDOWS, window_px=100)
    with pytest.raises(RunError, match="multiple of 32"):
        evaluate_detector(b"", faces, tmp_path, imgsz=100)


@pytest.fixture
def three_threads() -> Iterator[int]:
    """Not what ultralytics chooses by itself, unless the machine has four cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield 3
    torch.set_num_threads(before)


@pytest.mark.slow
def test_an_interrupted_run_goes_on_with_the_same_choices_only(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = replace(WINDOWS, epochs=2, imgsz=64, window_px=32, batch=4)
    with monkeypatch.context() as patch:
        save = FaceTrainer.save_model

        def save_and_stop(trainer: FaceTrainer) -> None:
            save(trainer)
            raise KeyboardInterrupt

        patch.setattr(FaceTrainer, "save_model", save_and_stop)
        with pytest.raises(KeyboardInterrupt):
            train_detector(faces, tmp_path / "run", tiny, None, "cpu")
    moved = (tmp_path / "run").rename(tmp_path / "moved")
    start = tmp_path / "start.safetensors"
    start.write_bytes(to_payload(build_yolov8n(80).state_dict()))
    for recipe, weights, other in (
        (replace(tiny, name="whole"), None, "another name"),
        (replace(tiny, epochs=3), None, r"another epochs \(2 there, 3 now\)"),
        (tiny, start, "another start_sha256"),
    ):
        with pytest.raises(RunError, match=other):
            train_detector(faces, moved, recipe, weights, "cpu")
    label = faces / "labels" / "train" / "0.txt"
    before = label.read_text()
    label.write_text("0 0.5 0.5 0.4 0.4\n")
    with pytest.raises(RunError, match="another data_sha256"):
        train_detector(faces, moved, tiny, None, "cpu")
    label.write_text(before)
    shapes = []
    preprocess = FaceTrainer.preprocess_batch

    def look(trainer: FaceTrainer, batch: dict[str, Any]) -> dict[str, Any]:
        shapes.append(tuple(batch["img"].shape))
        return preprocess(trainer, batch)

    monkeypatch.setattr(FaceTrainer, "preprocess_batch", look)
    assert train_detector(faces, moved, tiny, None, "cpu").parent.parent == moved
    assert shapes == [(4, 3, 32, 32)]  # one batch of windows: the second epoch
    assert finished_epochs(moved) is None
    with pytest.raises(RunError, match="another name"):  # though it would train no more
        train_detector(faces, moved, replace(tiny, name="whole"), None, "cpu")
    assert len((moved / RESULTS).read_text().splitlines()) == 3
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_train_evaluate_export(
    faces: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    three_threads: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("training.artifacts.LARGEST_LOSS", 1.0)  # of four noisy pictures, in which it finds nothing
    folder, weights_dir = tmp_path / "run", tmp_path / "weights"
    common = ("--data", faces, "--run", folder, "--device", "cpu", "--imgsz", 64)
    start = tmp_path / "start.safetensors"
    start.write_bytes(to_payload(yolov8n().state_dict()))
    train = ("detector", "train", *common, "--window", 32, "--epochs", 1, "--batch", 4, "--start", start)
    succeed(*train)
    assert torch.get_num_threads() == three_threads
    assert (folder / "curves.png").stat().st_size > 0
    succeed(*train)
    assert "already finished" in capsys.readouterr().out
    notes = ("--data-note", "Drawn squares", "--data-note", "CC0")
    succeed("detector", "export", *common, "--weights-dir", weights_dir, *notes)
    assert torch.get_num_threads() == three_threads  # after an evaluation and the graphs, too
    assert "Took my_model, my_model-gender along from" in capsys.readouterr().out
    evaluation = json.loads((folder / "evaluation.json").read_text())
    assert (evaluation["pictures"], evaluation["faces"], evaluation["imgsz"]) == (4, 4, 64)
    assert (folder / "precision-recall.png").stat().st_size > 0

    files = files_of(weights_dir, DetectorCard)
    card, network, state = files.card, build_yolov8n(1), parse_state(files.read_state(), files.name)
    build_graph(card, state, files.name)  # which refuses what does not fit
    path = weights_dir / card.artifacts.state.file
    assert {value.dtype for value in load_file(path).values()} == {torch.float16}
    assert any(name.endswith("bn.running_mean") for name in state)
    assert card.parameters == sum(value.numel() for value in network.parameters())
    assert (card.score_threshold, card.iou_threshold) == (0.38, 0.5)
    assert card.training["epoch"] == 1
    assert card.training["start_sha256"] == sha256_of(start.read_bytes())
    assert card.data == notes[1::2]
    assert path.read_bytes() == payload_of_run(folder)
    text = (weights_dir / "yolov8n-face.md").read_text()
    assert all(word in text for word in ("- Drawn squares.", "- CC0.", card.sha256, f"{evaluation['ap50']:.2%}"))
    assert "photos.jpg" not in text  # they show another detector
    listed = artifacts_of(card)
    assert len(listed) == 5  # the state, and two files for each graph
    for each in listed:
        assert each.sha256 == sha256_of((weights_dir / each.file).read_bytes())
        assert f"`{each.sha256}`" in text
    floats, integers = card.artifacts.openvino, card.artifacts.openvino_int8
    assert floats is not None
    assert integers is not None
    assert (floats.metrics["inputs"], integers.metrics["pictures"]) == (4, 4)
    assert integers.metrics["fp32"]["AP50"] == pytest.approx(evaluation["by_size"]["all"]["ap50"], abs=0.05)

    out = tmp_path / "again"
    weights = ("--weights", path, "--out", out, "--data", faces, "--imgsz", 64, "--device", "cpu")
    succeed("detector", "evaluate", *weights)
    assert json.loads((out / "evaluation.json").read_text()) == evaluation

    given = without_graphs(monkeypatch)
    succeed("detector", "export", *common, "--weights-dir", weights_dir, "--start", start, "--start-share", 0.25)
    assert [[canvas.shape for canvas in each] for each in given] == [[(1, 64, 64, 3)] * 4] * 2
    blended = files_of(weights_dir, DetectorCard).card
    assert "crop rule was not measured with this detector" in capsys.readouterr().out
    assert blended.training["start_share"] == 0.25
    assert blended.sha256 == sha256_of(blended_payload(folder, start, 0.25)) != card.sha256
    assert blended.artifacts.openvino is None  # the earlier graphs are of other weights

    label = faces / "labels" / "val" / "0.txt"
    label.write_text(label.read_text() + "0 0.2 0.2 0.1 0.1\n")
    succeed("detector", "export", *common, "--weights-dir", weights_dir)
    assert json.loads((folder / "evaluation.json").read_text())["faces"] == 5  # not the figures of other data
