"""Answers as a picture and as a table, foreign paths, and what /openapi.json says behind a proxy."""

import csv
import io

import pytest
from fastapi.testclient import TestClient
from PIL import Image as Pillow
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from app.config import Settings
from app.faces.types import ImageFaces
from app.main import create_app
from app.manifest import LABELS
from app.serving.engine import Engine, EngineLimits
from tests.api.test_detect import check_problem
from tests.support.pictures import encode, gradient
from tests.support.pipeline import FakePipeline

PICTURE = encode(gradient(100, 60))
BATCH = [("files", ("a.png", PICTURE)), ("files", ("=b.png", b"text"))]


class Faceless(FakePipeline):
    def _faces(self, image, options):
        return ImageFaces(image.shape[1], image.shape[0], (), {})


def rows_of(answer):
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(answer.text)))


@pytest.mark.parametrize("media_type", ["image/jpeg", "image/png"])
def test_the_picture_with_its_faces(client, media_type):
    answer = client.post("/detect", content=PICTURE, headers={"accept": media_type})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == media_type
    drawn = Pillow.open(io.BytesIO(answer.content))
    assert (f"image/{drawn.format.lower()}", drawn.size) == (media_type, (100, 60))
    assert drawn.convert("RGB").tobytes() != gradient(100, 60).tobytes()
    engine = client.app.state.services.engine
    assert (engine.admission.decoders.held, engine.admission.pictures_in_work) == (0, 0)


def test_a_bad_picture_is_a_problem_whatever_is_accepted(client):
    check_problem(client.post("/detect", content=b"text", headers={"accept": "image/png"}), 415, "unsupported_media")


def test_a_table(client):
    [row] = rows_of(client.post("/detect", files={"file": ("a.png", PICTURE)}, headers={"accept": "text/csv"}))
    assert (row["file"], row["face"], row["width"], row["detection_confidence"]) == ("a.png", "1", "50.0", "0.9000")
    shares = sorted(float(row[label]) for label in LABELS)
    assert sum(shares) == pytest.approx(1, abs=1e-3)
    assert float(row["margin"]) == pytest.approx(shares[-1] - shares[-2], abs=2e-4)
    assert row["unclear"] == "true"


@pytest.mark.parametrize("path", ["/detect/batch", "/classify"])
def test_a_table_of_several(client, path):
    rows = rows_of(client.post(path, files=BATCH, headers={"accept": "text/csv"}))
    assert [(row["file"], row["face"], row["error"]) for row in rows] == [
        ("a.png", "1", ""),
        ("'=b.png", "", "unsupported_media"),
    ]


@pytest.mark.parametrize("path", ["/detect/batch", "/classify"])
def test_tables_say_which_files_are_cut_off(client, path):
    files = [("files", encode(gradient(), "JPEG")[:end]) for end in (None, -2, 10)]
    rows = rows_of(client.post(path, files=files, headers={"accept": "text/csv"}))
    assert [row["truncated"] for row in rows] == ["false", "true", ""]


@pytest.mark.parametrize("path", ["/detect/batch", "/classify"])
def test_entries_carry_their_file(client, path):
    results = client.post(path, files=BATCH).json()["results"]
    assert [entry["file"] for entry in results] == ["a.png", "=b.png"]


def test_a_row_for_no_face():
    with TestClient(create_app(engine=Engine(Faceless, EngineLimits()))) as client:
        [row] = rows_of(client.post("/detect", content=PICTURE, headers={"accept": "text/csv"}))
    assert (row["face"], row["emotion"]) == ("0", "no face")


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [("", "application/json"), ("*/*", "application/json"), ("image/*", "image/jpeg"), ("text/*;q=0.5", "text/csv"),
     ("application/json, image/png", "application/json"), ("image/png, */*;q=0.8", "image/png"),
     ("text/html, application/xml;q=0.9, */*;q=0.1", "application/json"), ("*/*, application/json;q=0", "image/jpeg"),
     ("IMAGE/PNG", "image/png")],
)  # fmt: skip
def test_the_best_of_what_is_accepted(client, accept, wanted):
    answer = client.post("/detect", content=PICTURE, headers={"accept": accept})
    assert answer.headers["content-type"].partition(";")[0] == wanted


@pytest.mark.parametrize(
    ("path", "accept"),
    [("/detect", "text/html"), ("/detect", "image/webp"), ("/detect", "*/*;q=0"), ("/detect", "image/png;q=x"),
     ("/detect/batch", "image/png"), ("/classify", "image/jpeg")],
)  # fmt: skip
def test_what_cannot_be_served_is_406(client, path, accept):
    problem = check_problem(client.post(path, files=BATCH, headers={"accept": accept}), 406, "not_acceptable")
    assert "application/json" in problem["detail"]


@pytest.mark.parametrize("path", ["/analyze", "/predict"])
def test_paths_of_other_services_get_a_sentence_that_helps(client, path):
    problem = check_problem(client.post(path, json={"img": "a.jpg"}), 404, "not_found")
    assert "POST /detect" in problem["detail"]
    assert "POST /detect " not in check_problem(client.post("/nowhere"), 404, "not_found")["detail"]


@pytest.mark.parametrize(
    ("peer", "proxies", "prefix", "servers"),
    [
        ("10.0.0.9", "10.0.0.9", "/faces", [{"url": "/faces"}]),
        ("10.0.0.9", "10.0.0.9", "/a/b/", [{"url": "/a/b"}]),
        ("10.0.0.8", "10.0.0.9", "/faces", None),
        ("10.0.0.9", None, "/faces", None),
        ("10.0.0.9", "10.0.0.9", "//evil.example", None),
        ("10.0.0.9", "10.0.0.9", "https://evil.example", None),
    ],
)
def test_the_description_behind_a_sub_path(peer, proxies, prefix, servers):
    app = create_app(Settings(trusted_proxies=proxies), Engine(FakePipeline, EngineLimits()))
    outside = ProxyHeadersMiddleware(app, proxies) if proxies else app
    with TestClient(outside, client=(peer, 5000)) as client:
        headers = {"x-forwarded-for": "192.0.2.1", "x-forwarded-prefix": prefix}
        assert client.get("/openapi.json", headers=headers).json().get("servers") == servers
        assert client.get("/openapi.json").json().get("servers") is None


def test_the_description_below_a_root_path():
    app = create_app(engine=Engine(FakePipeline, EngineLimits()))
    with TestClient(app, root_path="/faces") as client:
        assert client.get("/openapi.json").json()["servers"] == [{"url": "/faces"}]


def test_settings_of_files_with_windows_line_ends(monkeypatch):
    for name, value in {"PORT": "9001", "RUNTIME": "openvino", "HOST": "::1", "TRACKING": "no", "DEVICE": ""}.items():
        monkeypatch.setenv(f"MIEN_{name}", f"{value}\r")
    settings = Settings()
    assert (settings.port, settings.runtime, settings.host, settings.tracking) == (9001, "openvino", "::1", False)
    assert settings.device == "auto"


@pytest.mark.parametrize("host", ["http://0.0.0.0", "localhost:8000/", "a b", "ü", "a" * 300])
def test_an_unusable_host_is_named(host):
    with pytest.raises(ValueError, match="is no address"):
        Settings(host=host)
