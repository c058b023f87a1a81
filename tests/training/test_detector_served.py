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
from app.runtimes.choose import TorchRuntime
from app.weights import default_weights_dir, load_manifest, load_state
from tests.conftest import photo_path
from tests.training.conftest import assert_one_error_line, column, run, succeed
from training.cli import main
from training.deployed import from_payload
from training.detector.coco import LabelledPicture, report_served
from training.detector.evaluate import network_of
from training.detector.served import read_picture
from training.errors import RunError

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
    card = load_manifest(weights_dir).detector
    payload = (weights_dir / card.file).read_bytes()
    image = read_picture(photo_path(name))
    [ours] = FaceDetector(load_state(weights_dir, card), card, TorchRuntime(CPU, bf16=False))(
        [image], [card.score_threshold]
    )

    wanted = {"imgsz": 640, "rect": True, "conf": card.score_threshold, "iou": card.iou_threshold, "device": "cpu"}
    predictor = DetectionPredictor(overrides={**wanted, "verbose": False, "save": False})
    predictor.setup_model(network_of(payload), verbose=False)
    theirs = predictor(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[0].boxes
    assert len(ours) == len(theirs) > 0
    np.testing.assert_allclose([each.xyxy for each in ours], theirs.xyxy.numpy(), atol=0.1)
    np.testing.assert_allclose([each.score for each in ours], theirs.conf.numpy(), atol=0.001)


def test_a_checkpoint_is_imported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = ""
    torch.manual_seed(0)
    network = DetectionModel("yolov8n.yaml", nc=1, verbose=False)
    checkpoint, weights_dir = tmp_path / "theirs.pt", tmp_path / "weights"
    torch.save({"model": network, "train_args": {}}, checkpoint)
    weights_dir.mkdir()
    (weights_dir / "yolov8n-face.md").write_text("AP50 of other weights")
    (weights_dir / "manifest.json").write_text('{"emotion": {}}')
    for notes in (1, 1):  # the second time it is the same detector
        succeed("detector", "import", checkpoint, "--trust", "--weights-dir", weights_dir, "--score-threshold", 0.3)
        told += capsys.readouterr().out
        assert told.count("crop rule was not measured with this detector") == notes
    card = json.loads((weights_dir / "manifest.json").read_text())["detector"]
    assert (card["score_threshold"], card["training"]["imported_from"]) == (0.3, "theirs.pt")
    state = from_payload((weights_dir / card["file"]).read_bytes())
    first = "model.0.conv.weight"
    torch.testing.assert_close(state[first], network.state_dict()[first].half().float())
    told = (weights_dir / "yolov8n-face.md").read_text()
    assert "AP50" not in told
    assert "theirs.pt" in told
    assert card["sha256"] in told


def test_an_import_needs_trust_and_the_right_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from training.detector.imported import import_detector

    checkpoint = tmp_path / "theirs.pt"
    torch.save({"model": DetectionModel("yolov8n.yaml", nc=80, verbose=False), "train_args": {}}, checkpoint)
    with pytest.raises(SystemExit):
        main(["detector", "import", str(checkpoint)])
    assert "--trust" in capsys.readouterr().err
    with pytest.raises(RunError, match="does not fit"):
        import_detector(checkpoint, tmp_path, 640, 0.4, 0.5)
    with pytest.raises(RunError, match="No checkpoint"):
        import_detector(tmp_path / "none.pt", tmp_path, 640, 0.4, 0.5)
    checkpoint.write_text("no pickle")
    with pytest.raises(RunError, match="ultralytics can read"):
        import_detector(checkpoint, tmp_path, 640, 0.4, 0.5)
    assert not (tmp_path / "manifest.json").exists()


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
