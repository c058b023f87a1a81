"""What is said of a face besides its emotion: only where the server has loaded it and the caller asks."""

import base64
import csv
import io
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from app.config import Settings
from app.faces.explain import PLACES
from app.main import create_app
from app.serving.engine import Engine, EngineLimits
from tests.api.streams import URL, serve
from tests.api.test_detect import check_problem
from tests.support.pictures import encode, gradient
from tests.support.pipeline import FakePipeline, digest_probabilities

LOADED = {"gender": ("female", "male"), "glasses": ("none", "worn")}
IMAGE = gradient(100, 60)
PICTURE = encode(IMAGE)
FEMALE = digest_probabilities(IMAGE)[0]
GENDER = {
    "label": "female" if FEMALE > 0.5 else "male",
    "confidence": max(FEMALE, 1 - FEMALE),
    "probabilities": {"female": FEMALE, "male": 1 - FEMALE},
}
FACE = {"files": ("a.png", PICTURE)}
TABLE = {"accept": "text/csv"}


@pytest.fixture
def fake_pipeline() -> FakePipeline:
    return FakePipeline(LOADED)


@pytest.fixture
def plain() -> Iterator[TestClient]:
    """A server that has loaded nothing besides emotion."""
    with TestClient(create_app(Settings(), Engine(FakePipeline, EngineLimits()))) as client:
        yield client


def face_of(answer) -> dict:
    assert answer.status_code == 200, answer.text
    [face] = answer.json()["faces"]
    return face


def test_whoever_asks_for_nothing_is_answered_as_by_a_server_that_has_nothing(client, plain):
    def answers(server):
        one = server.post("/detect", content=PICTURE).json()
        one["timings_ms"] = None
        return (
            one,
            server.post("/classify", files=FACE).text,
            server.post("/detect", content=PICTURE, headers=TABLE).text,
        )

    assert answers(client) == answers(plain)
    assert "gender" not in str(answers(client))


@pytest.mark.parametrize("way", ["query", "form", "text in JSON", "list in JSON"])
def test_detect_says_what_is_asked(client, way):
    if way == "query":
        answer = client.post("/detect?attributes=gender", content=PICTURE)
    elif way == "form":
        answer = client.post("/detect", files={"file": PICTURE}, data={"attributes": "gender"})
    else:
        asked = "gender" if way == "text in JSON" else ["gender"]
        answer = client.post("/detect", json={"image": base64.b64encode(PICTURE).decode(), "attributes": asked})
    face = face_of(answer)
    assert face["gender"] == GENDER
    assert "glasses" not in face
    assert answer.json()["model"] == {
        "detector": "detector@000000000000", "emotion": "emotion@000000000000", "gender": "gender@000000000000",
    }  # fmt: skip


@pytest.mark.parametrize("query", ["gender,glasses", "gender&attributes=glasses", " glasses , gender,,gender,emotion"])
def test_several_are_asked_with_commas_or_by_repeating(client, query):
    face = face_of(client.post(f"/detect?attributes={query}", content=PICTURE))
    assert face["gender"] == GENDER
    assert set(face["glasses"]["probabilities"]) == {"none", "worn"}


@pytest.mark.parametrize("query", ["", ",", "emotion"])
def test_emotion_is_always_said_and_nothing_else_where_nothing_is_named(client, query):
    assert "gender" not in face_of(client.post(f"/detect?attributes={query}", content=PICTURE))


def test_batches_and_faces_say_it_too(client):
    batch = client.post("/detect/batch?attributes=gender", files=[("files", ("a.png", PICTURE))]).json()["results"]
    assert [each["faces"][0]["gender"] for each in batch] == [GENDER]
    [entry] = client.post("/classify?attributes=gender", files=FACE).json()["results"]
    assert entry["gender"] == GENDER
    assert entry["model"]["gender"] == "gender@000000000000"
    assert "gender" not in client.post("/classify", files=FACE).json()["results"][0]


def test_with_reasons_it_is_said_beside_them(client):
    face = face_of(client.post("/detect?attributes=gender&explain=true", content=PICTURE))
    assert face["gender"] == GENDER
    assert face["explanation"]["rows"] == PLACES
    [entry] = client.post("/classify?attributes=gender&explain=true", files=FACE).json()["results"]
    assert entry["gender"] == GENDER
    assert "drops" in entry["explanation"]


@pytest.mark.parametrize("path", ["/detect/batch", "/classify"])
def test_a_table_has_columns_of_it_at_the_end(client, path):
    files = [("files", ("a.png", PICTURE)), ("files", ("b.png", b"text"))]
    answer = client.post(f"{path}?attributes=gender", files=files, headers=TABLE)
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert list(rows[0])[-4:] == ["gender", "gender_confidence", "gender_female", "gender_male"]
    assert (rows[0]["gender"], rows[0]["gender_female"]) == (GENDER["label"], f"{FEMALE:.4f}")
    assert (rows[1]["error"], rows[1]["gender"]) == ("unsupported_media", "")


@pytest.mark.parametrize("path", ["/detect", "/detect/batch", "/classify"])
def test_what_is_not_loaded_is_refused_with_the_way_to_load_it(plain, path):
    field = "file" if path == "/detect" else "files"
    problem = check_problem(plain.post(f"{path}?attributes=gender", files={field: PICTURE}), 422, "invalid_request")
    assert "'gender'" in problem["detail"]
    assert "start the server with MIEN_ATTRIBUTES=gender" in problem["detail"]


@pytest.mark.parametrize("value", [7, {"gender": True}, ["gender", 7], [["gender"]]])
def test_what_is_no_name_is_refused(client, value):
    body = {"image": base64.b64encode(PICTURE).decode(), "attributes": value}
    assert "attributes" in check_problem(client.post("/detect", json=body), 422, "invalid_request")["detail"]


def test_a_strange_name_is_not_put_into_a_command(client):
    problem = check_problem(client.post("/detect?attributes=$(rm)", content=PICTURE), 422, "invalid_request")
    assert "MIEN_ATTRIBUTES" not in problem["detail"]
    assert "loaded: gender, glasses" in problem["detail"]


def test_a_stream_says_it_from_the_first_frame_on():
    with serve(FakePipeline(LOADED)) as client, client.websocket_connect(URL) as session:
        assert "attributes" not in session.receive_json()["settings"]
        session.send_json({"type": "session.update", "attributes": ["gender"]})
        assert session.receive_json()["settings"]["attributes"] == ["gender"]
        session.send_bytes(PICTURE)
        result = session.receive_json()
        assert result["faces"][0]["gender"] == GENDER
        assert result["model"]["gender"] == "gender@000000000000"


def test_a_stream_takes_it_back_and_refuses_what_is_not_loaded():
    with serve(FakePipeline(LOADED)) as client, client.websocket_connect(URL) as session:
        session.receive_json()
        for asked, said in (("gender", ["gender"]), ([], None)):
            session.send_json({"type": "session.update", "attributes": asked})
            assert session.receive_json()["settings"].get("attributes") == said
        session.send_json({"type": "session.update", "attributes": ["age"]})
        assert "MIEN_ATTRIBUTES=age" in session.receive_json()["detail"]
        session.send_bytes(PICTURE)
        assert "gender" not in session.receive_json()["faces"][0]


def test_it_is_smoothed_over_a_track():
    pictures = [gradient(100, 60, seed=seed) for seed in (1, 2)]
    first, second = (digest_probabilities(each)[0] for each in pictures)
    with serve(FakePipeline(LOADED), smoothing_s=10) as client, client.websocket_connect(URL) as session:
        session.receive_json()
        session.send_json({"type": "session.update", "attributes": "gender"})
        session.receive_json()
        told = []
        for each in pictures:
            session.send_bytes(encode(each))
            told.append(session.receive_json()["faces"][0]["gender"]["probabilities"]["female"])
    assert told[0] == first
    assert min(first, second) < told[1] < max(first, second)
    assert abs(told[1] - first) < abs(told[1] - second)  # some of the way, of ten seconds


def test_models_and_metrics_name_what_is_loaded(client, plain):
    networks = client.get("/models").json()["networks"]
    assert {each.get("attribute") for each in networks.values()} == {None, "emotion", "gender", "glasses"}
    assert 'gender="gender@000000000000"' in client.get("/metrics").text
    assert "gender" not in plain.get("/metrics").text
