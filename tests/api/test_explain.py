"""`explain=true`: what a face's answer rests on."""

import base64
import io
from collections.abc import Sequence

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image as Pillow

from app.api.wire.explained import ExplainedOut
from app.faces.explain import PLACES
from app.faces.types import Answer, Attributes, Box, Detection, DetectOptions, Face, ImageFaces
from app.main import create_app
from app.pictures.types import Image
from app.serving.engine import Engine
from app.serving.explained import MAX_EXPLAINED
from app.serving.limits import EngineLimits
from tests.api.test_detect import check_problem
from tests.support.pictures import encode, gradient
from tests.support.pipeline import FakePipeline, emotion


class MouthPipeline(FakePipeline):
    """Finds `faces` faces side by side, and calls each as happy as the lower third of its picture is bright."""

    faces = 1

    def __init__(self) -> None:
        super().__init__()
        self.classified: list[int] = []

    def classify(
        self, images: Sequence[Image], boxes: Sequence[Box | None], asked: Sequence[Attributes]
    ) -> list[dict[str, Answer]]:
        self.classified.append(len(images))
        return [happy(float(image[len(image) * 2 // 3 :].mean()) / 255) for image in images]

    def _faces(self, image: Image, options: DetectOptions) -> ImageFaces:
        height, width = image.shape[:2]
        side = width / self.faces
        boxes = [(index * side, 0.0, (index + 1) * side, side) for index in range(self.faces)]
        faces = tuple(Face(Detection(box, 0.9), happy(0.8)) for box in boxes)
        return ImageFaces(width, height, faces, {"detect": 1.0, "classify": 1.0})


class Crowd(MouthPipeline):
    faces = MAX_EXPLAINED + 2


def happy(share: float) -> dict[str, Answer]:
    rest = (1 - share) / 4
    return emotion((rest, share, rest, rest, rest))


def smile(width: int = 96) -> bytes:
    picture = np.zeros((96, width, 3), np.uint8)
    picture[64:] = 240
    file = io.BytesIO()
    Pillow.fromarray(picture).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def pipeline():
    return MouthPipeline()


@pytest.fixture
def client(pipeline):
    with TestClient(create_app(engine=Engine(lambda: pipeline, EngineLimits()))) as client:
        yield client


def check_map(explanation: dict[str, object]) -> None:
    drops = np.array(explanation["drops"])
    assert (explanation["rows"], explanation["columns"]) == drops.shape == (PLACES, PLACES)
    assert drops[-1].min() > 0.01
    assert drops[-1].min() > drops[0].max()


@pytest.mark.parametrize("way", ["query", "form", "json"])
def test_a_face_comes_with_what_its_label_rests_on(client, way):
    if way == "json":
        answer = client.post("/detect", json={"image": base64_of(smile()), "explain": True})
    elif way == "form":
        answer = client.post("/detect", files={"file": smile()}, data={"explain": "true"})
    else:
        answer = client.post("/detect", params={"explain": "true"}, content=smile())
    assert answer.status_code == 200, answer.text
    ExplainedOut.model_validate(answer.json())
    [face] = answer.json()["faces"]
    assert face["emotion"] == "happy"
    check_map(face["explanation"])
    assert face["explanation"]["square"] == {"x": -9.6, "y": -9.6, "width": 115.2, "height": 115.2}  # margin 0.2


def test_each_explained_face_is_a_pictures_work_and_the_largest_are_explained():
    pipeline = Crowd()
    with TestClient(create_app(engine=Engine(lambda: pipeline, EngineLimits()))) as client:
        places = client.app.state.services.engine.admission.pictures
        taken, wait = [], places.wait

        async def counted(name: str):
            taken.append(name)
            return await wait(name)

        places.wait = counted
        faces = client.post("/detect", params={"explain": True}, content=smile(960)).json()["faces"]
    assert [face["explanation"] is not None for face in faces] == [True] * MAX_EXPLAINED + [False] * 2
    assert pipeline.classified == [PLACES**2] * MAX_EXPLAINED
    assert len(taken) == 1 + MAX_EXPLAINED
    assert places.held == 0


def test_nothing_is_explained_unless_asked(client, pipeline):
    [face] = client.post("/detect", content=smile()).json()["faces"]
    assert "explanation" not in face
    [entry] = client.post("/classify", files={"files": smile()}).json()["results"]
    assert "explanation" not in entry
    assert pipeline.classified == [1]


def test_a_face_that_came_alone_is_explained(client):
    files = [("files", ("a.png", smile())), ("files", ("b.png", b"no"))]
    good, bad = client.post("/classify", params={"explain": True}, files=files).json()["results"]
    assert (good["file"], good["emotion"]) == ("a.png", "happy")
    check_map(good["explanation"])
    assert bad["error"]["code"] == "unsupported_media"
    [same] = client.post("/classify", json={"images": [base64_of(smile())], "explain": True}).json()["results"]
    assert same["explanation"] == good["explanation"]


def test_too_many_are_refused_with_the_number(client):
    files = [("files", encode(gradient(seed=each))) for each in range(MAX_EXPLAINED + 1)]
    answer = client.post("/classify", params={"explain": True}, files=files)
    check_problem(answer, 422, "invalid_request")
    assert f"At most {MAX_EXPLAINED} pictures" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "accept"), [("/detect", "text/csv"), ("/detect", "image/png"), ("/classify", "text/csv")]
)
def test_other_forms_than_json_hold_no_explanation(client, path, accept):
    files = {"file" if path == "/detect" else "files": smile()}
    answer = client.post(path, params={"explain": True}, files=files, headers={"accept": accept})
    check_problem(answer, 422, "invalid_request")


def test_a_batch_does_not_know_the_option(client):
    answer = client.post("/detect/batch", params={"explain": True}, files={"files": smile()})
    check_problem(answer, 422, "invalid_request")


def base64_of(payload: bytes) -> str:
    return base64.b64encode(payload).decode()
