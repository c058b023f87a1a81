"""The detector as it is served: AP by face size, WIDER FACE, imported checkpoints, parity with ultralytics."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from scipy.io import savemat
from ultralytics.models.yolo.detect import DetectionPredictor
from ultralytics.nn.tasks import DetectionModel

from app.faces.find import FaceDetector
from app.faces.types import Detection
from app.manifest import DetectorCard, load_manifest
from app.runtimes.openvino import OpenVinoRuntime
from app.runtimes.precision import Precision
from app.runtimes.torch.runtime import TorchRuntime
from app.weights import default_weights_dir, network_files, sha256_of
from tests.support.manifest import make_manifest
from tests.support.photos import photo_path
from tests.training.cells import column
from tests.training.commands import assert_one_error_line, run, succeed
from tests.training.networks import artifacts_of, files_of, read_model, without_graphs, yolov8n
from training.deployed import from_payload
from training.detector.coco import LabelledPicture, report_served
from training.detector.evaluate import network_of
from training.detector.served import read_picture
from training.errors import RunError
from training.manifest_entry import write_entry

CPU = torch.device("cpu")
SMALL, LARGE = (10.0, 10.0, 10.0, 10.0), (100.0, 100.0, 50.0, 50.0)


def detection(xywh: tuple[float, float, float, float], score: float) -> Detection:
    left, top, width, height = xywh
    return Detection((left, top, left + width, top + height), score)


def test_sizes_are_judged_apart() -> None:
    nowhere = detection((300.0, 300.0, 60.0, 60.0), 0.3)
    picture = LabelledPicture(640, 480, [SMALL, LARGE], [detection(LARGE, 0.9), nowhere])
    report = report_served([picture, LabelledPicture(64, 64, [], [])], score_threshold=0.4)
    assert report.by_size["under 16"].ap50 == 0.0
    assert report.by_size["32 to 96"].ap50 == pytest.approx(1.0)  # the false alarm comes after the face
    assert report.by_size["16 to 32"].ap50 is None
    assert report.by_size["all"].ap50 == pytest.approx(0.5, abs=0.01)
    assert [report.by_size[name].faces for name in ("all", "under 16", "32 to 96")] == [2, 1, 1]
    assert (report.precision, report.recall) == (1.0, 0.5)
    assert report_served([picture], score_threshold=0.2).precision == 0.5


def test_nothing_found_is_no_failure() -> None:
    report = report_served([LabelledPicture(64, 64, [SMALL], [])], score_threshold=0.4)
    assert (report.by_size["all"].ap50, report.precision, report.recall) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("name", ["zidane", "bus", "astronaut", "grace_hopper"])
def test_the_served_detector_equals_ultralytics(name: str) -> None:
    """Boxes within 0.1 px and scores within 0.001 of ultralytics' own predictor with the same weights."""
    weights_dir = default_weights_dir()
    manifest = load_manifest(weights_dir)
    card, files = manifest.detector, network_files(manifest, manifest.detector_name, weights_dir)
    image = read_picture(photo_path(name))
    detector = FaceDetector(TorchRuntime(CPU, bf16=False).open(files), card)
    [ours] = detector([image], [card.score_threshold])

    wanted = {"imgsz": 640, "rect": True, "conf": card.score_threshold, "iou": card.iou_threshold, "device": "cpu"}
    predictor = DetectionPredictor(overrides={**wanted, "verbose": False, "save": False})
    predictor.setup_model(network_of(files.read_state()), verbose=False)
    theirs = predictor(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[0].boxes
    assert len(ours) == len(theirs) > 0
    np.testing.assert_allclose([each.xyxy for each in ours], theirs.xyxy.numpy(), atol=0.1)
    np.testing.assert_allclose([each.score for each in ours], theirs.conf.numpy(), atol=0.001)


def test_a_checkpoint_is_imported_with_its_float_graph(imported_detector: Path) -> None:
    files = files_of(imported_detector, DetectorCard)
    card, text = files.card, (imported_detector / "yolov8n-face.md").read_text()
    assert (card.score_threshold, card.training["imported_from"]) == (0.3, "theirs.pt")
    state = from_payload(files.read_state())
    first = "model.0.conv.weight"
    torch.testing.assert_close(state[first], yolov8n().state_dict()[first].half().float())
    listed = artifacts_of(card)
    ours = {each.name for each in imported_detector.glob("yolov8n-face*")}
    assert ours == {"yolov8n-face.md", *(each.file for each in listed)}
    assert set(load_manifest(imported_detector).networks) == {
        "yolov8n-face",
        "my_model",
        "my_model-gender",
    }  # it can be served
    assert len(listed) == 3
    assert card.artifacts.openvino_int8 is None  # there are no labels to measure it with
    for each in listed:
        assert each.sha256 == sha256_of((imported_detector / each.file).read_bytes())
        assert f"`{each.sha256}`" in text
    assert "theirs.pt" in text
    assert "AP50" not in text
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    runtimes = (TorchRuntime(CPU, bf16=False), OpenVinoRuntime(Precision("fp32", "fp32", "fp32"), 1))
    ours, graph = (each.open(files)(image[None]) for each in runtimes)
    at = np.argsort(ours[2][0])  # PyTorch's come by their score
    for mine, theirs in zip(ours[:2], graph[:2], strict=True):
        np.testing.assert_allclose(mine[0][:, at], theirs[0], atol=0.001)
        assert theirs[0].std(axis=1).max() > 0.01


def test_an_import_says_when_the_crop_rule_is_of_another_detector(
    faces: Path, tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given, told, weights_dir = without_graphs(monkeypatch), "", tmp_path / "weights"
    weights_dir.mkdir()
    (weights_dir / "yolov8n-face.md").write_text("AP50 of other weights")
    write_entry(weights_dir, "my_model", make_manifest().emotion)
    options = ("--trust", "--pictures", faces / "images" / "val", "--weights-dir", weights_dir)
    for notes in (1, 1):  # the second time it is the same detector
        succeed("detector", "import", checkpoint, *options)
        told += capsys.readouterr().out
        assert told.count("crop rule was not measured with this detector") == notes
    assert [[canvas.shape for canvas in each] for each in given] == [[(1, 640, 640, 3)] * 4] * 2
    assert "AP50" not in (weights_dir / "yolov8n-face.md").read_text()
    assert set(load_manifest(weights_dir).networks) == {"yolov8n-face", "my_model"}


def test_an_import_needs_trust_pictures_and_the_right_network(
    faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from training.detector.imported import import_detector

    checkpoint, weights_dir = tmp_path / "theirs.pt", tmp_path / "weights"
    torch.save({"model": DetectionModel("yolov8n.yaml", nc=80, verbose=False), "train_args": {}}, checkpoint)
    pictures = ("--pictures", faces / "images" / "val")
    assert run("detector", "import", checkpoint, "--trust", "--weights-dir", weights_dir) == 2
    assert "--pictures" in capsys.readouterr().err
    assert run("detector", "import", checkpoint, *pictures, "--weights-dir", weights_dir) == 1
    assert_one_error_line(capsys, "--trust")
    nowhere = ("--pictures", tmp_path / "none", "--weights-dir", weights_dir)
    assert run("detector", "import", checkpoint, "--trust", *nowhere) == 1
    assert_one_error_line(capsys, "No folder", "with pictures")
    with pytest.raises(RunError, match="does not fit"):
        import_detector(checkpoint, [], weights_dir, 640, 0.4, 0.5)
    with pytest.raises(RunError, match="No checkpoint"):
        import_detector(tmp_path / "none.pt", [], weights_dir, 640, 0.4, 0.5)
    checkpoint.write_text("no pickle")
    with pytest.raises(RunError, match="ultralytics can read"):
        import_detector(checkpoint, [], weights_dir, 640, 0.4, 0.5)
    assert not weights_dir.exists()


def test_an_import_needs_a_graph_that_answers_alike_on_faces(
    faces: Path, tmp_path: Path, imported_detector: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here each gets the graph of the checkpoint."""
    from training.detector.imported import import_detector

    graph = read_model(files_of(imported_detector, DetectorCard))
    monkeypatch.setattr("training.artifacts.convert", lambda *_: graph)
    pictures = sorted((faces / "images" / "val").iterdir())
    for network, shown, told in (
        (yolov8n(0.01, 0.01, 0.01), pictures, "finds no face"),
        (yolov8n(0.5, 0.5, 0.52), pictures, r"by 0\.\d* px and 0\.02\d*; at most 0\.5 px and 0\.01"),
        (yolov8n(), [], "no picture to compare"),
    ):
        torch.save({"model": network, "train_args": {}}, tmp_path / "theirs.pt")
        with pytest.raises(RunError, match=told):
            import_detector(tmp_path / "theirs.pt", shown, tmp_path / "weights", 64, 0.4, 0.5)
    assert not (tmp_path / "weights").exists()


def test_wider_face_is_evaluated_by_one_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = default_weights_dir() / "yolov8n-face.safetensors"
    wider, out = tmp_path / "wider", tmp_path / "out"
    folder = wider / "WIDER_val" / "images" / "0--Photo"
    folder.mkdir(parents=True)
    Pillow.open(photo_path("astronaut")).convert("RGB").save(folder / "astronaut.jpg")
    shared = {"event_list": column(["0--Photo"]), "file_list": column([column(["astronaut"])])}
    faces = np.array([[176, 60, 90, 126]], dtype=np.int32)
    savemat(wider / "wider_face_val.mat", {**shared, "face_bbx_list": column([column([faces])])})
    for level in ("easy", "medium", "hard"):
        listed = column([column([np.ones((0 if level == "easy" else 1, 1), dtype=np.uint8)])])
        savemat(wider / f"wider_{level}_val.mat", {**shared, "gt_list": listed})
    succeed("detector", "evaluate", "--wider", wider, "--weights", weights, "--out", out, "--device", "cpu")
    scores = json.loads((out / "wider.json").read_text())["average_precision"]
    assert scores == {"easy": 0.0, "medium": pytest.approx(1.0), "hard": pytest.approx(1.0)}

    capsys.readouterr()
    command = ("detector", "evaluate", "--wider", wider, "--weights", weights, "--out", out)
    for option in ("--batch", "--score-threshold"):
        assert run(*command, option, 1) == 1
        assert_one_error_line(capsys, f"{option} has no effect with --wider")
    (folder / "astronaut.jpg").unlink()
    assert run(*command) == 1


def test_both_evaluations_take_the_same_devices(
    faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = ("--weights", default_weights_dir() / "yolov8n-face.safetensors", "--out", tmp_path)
    for device in ("99", "cuda:0"):
        told = []
        for data in (("--data", faces), ("--wider", tmp_path)):
            assert run("detector", "evaluate", *data, *weights, "--device", device) == 1
            told.append(capsys.readouterr().err.strip())
        assert told[0] == told[1]
        assert "CUDA" in told[0]
