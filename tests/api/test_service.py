import io
import zipfile

import pytest
from fastapi.testclient import TestClient

from app.errors import OutOfMemory
from app.main import create_app
from app.manifest import LABELS
from app.serving.engine import Engine, EngineLimits
from tests.support.pictures import encode, gradient
from tests.support.pipeline import FakePipeline


def test_health(client):
    assert client.get("/livez").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {"status": "ready"}


@pytest.mark.parametrize("path", ["/", "/docs", "/livez", "/readyz", "/models", "/metrics", "/source", "/web/app.js"])
def test_head_is_answered_as_get_is_but_for_the_body(client, path):
    head, get = client.head(path), client.get(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == get.headers["content-type"]


def test_models(client):
    models = client.get("/models").json()
    assert models["runtime"] == "nothing"
    assert tuple(models["networks"]["emotion"]["labels"]) == LABELS
    for card in models["networks"].values():
        assert {"task", "artifacts", "labels", "metrics", "licence"} <= set(card)


def test_not_ready_after_the_engine_stopped(fake_pipeline):
    engine = Engine(lambda: fake_pipeline, EngineLimits())
    with TestClient(create_app(engine=engine)) as client:
        client.portal.call(engine.stop)
        assert client.get("/livez").status_code == 503
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
        assert client.post("/detect", content=encode(gradient())).status_code == 503


def test_overload_says_when_to_come_back(fake_pipeline):
    engine = Engine(lambda: fake_pipeline, EngineLimits(queue_size=1))
    engine.admission.pictures.take("another client")
    with TestClient(create_app(engine=engine)) as client:
        answer = client.post("/detect", content=encode(gradient()))
    assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
    assert int(answer.headers["retry-after"]) >= 1


@pytest.mark.parametrize("path", ["/detect/batch", "/classify"])
def test_a_batch_that_could_not_be_taken_says_why(path):
    class Full(FakePipeline):
        def detect(self, *_):
            raise OutOfMemory("The device has no memory left for this picture.")

        classify = detect

    files = [("files", encode(gradient(seed=seed))) for seed in range(2)]
    with TestClient(create_app(engine=Engine(Full, EngineLimits()))) as client:
        answer = client.post(path, files=files)
    assert (answer.status_code, answer.json()["code"]) == (503, "out_of_memory")
    assert answer.headers["retry-after"] == "5"


def test_failing_networks_do_not_leak(fake_pipeline):
    class Broken(FakePipeline):
        def detect(self, images, options):
            raise RuntimeError("secret path /etc/shadow")

    with TestClient(create_app(engine=Engine(Broken, EngineLimits()))) as client:
        answer = client.post("/detect", content=encode(gradient()))
    assert (answer.status_code, answer.json()["code"]) == (500, "inference_failed")
    assert "secret" not in answer.text


def test_request_id_is_kept_when_harmless(client):
    assert client.get("/livez", headers={"X-Request-ID": "abc-1.2_3"}).headers["x-request-id"] == "abc-1.2_3"
    for harmful in ("a b", "x" * 65, "<script>", ""):
        assert client.get("/livez", headers={"X-Request-ID": harmful}).headers["x-request-id"] != harmful


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nowhere", 404), ("GET", "/detect", 405)])
def test_unknown_routes_are_problems(client, method, path, status):
    answer = client.request(method, path)
    assert answer.status_code == answer.json()["status"] == status
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/livez/", "/models/", "/metrics/", "/openapi.json/"])
def test_a_slash_too_many_is_passed_over(client, path):
    answer = client.get(path, follow_redirects=False)
    assert (answer.status_code, answer.headers["content-type"]) == (200, client.get(path[:-1]).headers["content-type"])


def test_a_slash_too_many_costs_no_body(client):
    answer = client.post("/detect/", content=encode(gradient()), follow_redirects=False)
    assert (answer.status_code, len(answer.json()["faces"])) == (200, 1)
    with client.websocket_connect("/detect/stream/") as session:
        assert session.receive_json()["type"] == "session.created"


@pytest.mark.parametrize("path", ["/detect//", "/web", "/web/", "/web/app.js/", "/nowhere/"])
def test_other_slashes_are_unknown_paths(client, path):
    assert client.get(path, follow_redirects=False).status_code == 404


def test_a_slash_too_many_behind_docs_leads_back_without_naming_a_host(client):
    answer = client.get("/docs/", headers={"Host": "elsewhere.example"}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (307, "../docs")


def test_docs_and_schema(client):
    assert client.get("/docs").status_code == 200
    schema = client.get("/openapi.json").json()
    assert {"/detect", "/detect/batch", "/classify", "/livez", "/readyz", "/models"} <= set(schema["paths"])
    body = schema["paths"]["/detect"]["post"]["requestBody"]["content"]
    assert {"multipart/form-data", "image/jpeg", "image/png"} <= set(body)
    assert body["multipart/form-data"]["schema"]["required"] == ["file"]


def test_source_is_offered(client):
    assert client.get("/").json()["source"] == "/source"
    archive = zipfile.ZipFile(io.BytesIO(client.get("/source").content))
    assert {"app/main.py", "pyproject.toml", "constraints.txt", "LICENSE"} <= set(archive.namelist())
