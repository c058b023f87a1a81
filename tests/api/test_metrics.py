import io
import json
import logging
import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import WebSocketDenialResponse

from app.config import Settings
from app.logs import make_handler
from app.main import create_app
from app.metrics import Metrics
from app.serving.engine import Engine, EngineLimits
from tests.support.pictures import encode, gradient
from tests.support.pipeline import FakePipeline

OUTCOMES = ("answered", "failed", "dropped")


@pytest.fixture
def counted_client():
    metrics = Metrics()
    engine = Engine(FakePipeline, EngineLimits(), metrics)
    with TestClient(create_app(Settings(), engine, metrics)) as client:
        yield client


def read(client):
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {(sample.name, *sorted(sample.labels.items())): sample.value for each in families for sample in each.samples}


def test_everything_that_was_promised_is_counted(counted_client):
    client = counted_client
    client.post("/detect", content=encode(gradient()))
    client.post("/detect/batch", files=[("files", encode(gradient())), ("files", b"text")])
    client.post("/detect", content=b"text")
    values = read(client)
    detect = (("method", "POST"), ("route", "/detect"))
    assert values["mien_requests_total", *detect, ("status", "200")] == 1
    assert values["mien_requests_total", *detect, ("status", "415")] == 1
    assert values["mien_rejections_total", ("code", "unsupported_media")] == 2
    for name in ("decode_seconds", "queue_wait_seconds", "faces_per_picture"):
        assert values[f"mien_{name}_count",] == 2
    assert values["mien_faces_per_picture_sum",] == 2
    assert values["mien_batch_size_sum",] == 2
    assert values["mien_detect_seconds_sum",] == pytest.approx(values["mien_batch_size_count",] * 1e-3)
    assert values["mien_requests_in_flight",] == 1  # the one that asks for the metrics
    assert values["mien_ready",] == 1
    assert values["mien_pictures_in_work",] == 0
    budgets = {"requests", "reading", "body_bytes", "sessions", "pictures", "decoders", "long_work", "pixels"}
    for name in ("mien_admission", "mien_admission_capacity"):
        assert {dict(key[1:])["budget"] for key in values if key[0] == name} == budgets
    assert {values["mien_admission", ("budget", each)] for each in budgets} == {0}
    assert {"mien_stream_sessions", "process_resident_memory_bytes"} <= {key[0] for key in values}
    [model] = [dict(key[1:]) for key in values if key[0] == "mien_model_info"]
    assert set(model) == {"version", "detector", "emotion"}


def test_a_batch_that_is_refused_as_a_whole_counts_once():
    metrics = Metrics()
    engine = Engine(FakePipeline, EngineLimits(), metrics)
    with TestClient(create_app(Settings(), engine, metrics)) as client:
        engine.drain()
        answer = client.post("/detect/batch", files=[("files", encode(gradient()))] * 3)
        assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
        assert read(client)["mien_rejections_total", ("code", "not_ready")] == 1


def test_frames_of_streams_are_counted_by_their_outcome(counted_client):
    with counted_client.websocket_connect("/detect/stream") as session:
        session.receive_json()
        for payload in (encode(gradient()), b"text"):
            session.send_bytes(payload)
            session.receive_json()
        values = read(counted_client)
        assert values["mien_stream_sessions",] == 1
    values = read(counted_client)
    outcomes = {outcome: values.get(("mien_stream_frames_total", ("outcome", outcome))) for outcome in OUTCOMES}
    assert outcomes == {"answered": 1, "failed": 1, "dropped": None}
    assert values["mien_rejections_total", ("code", "unsupported_media")] == 1
    assert values["mien_requests_total", ("method", "WEBSOCKET"), ("route", "/detect/stream"), ("status", "101")] == 1


def test_labels_are_bounded(counted_client):
    client = counted_client
    client.get("/metrics")
    before = len(read(client))
    for number in range(20):
        client.request(f"VERB{number}", f"/nowhere/{number}", headers={"X-Request-ID": f"id-{number}"})
        client.get(f"/nowhere/{number}?q={number}")
    assert len(read(client)) - before <= 2 * 20  # two methods, one route, one status; histogram buckets


def test_the_dashboard_shows_metrics_that_exist(counted_client):
    dashboard = (Path(__file__).parents[2] / "deploy" / "grafana" / "dashboards" / "mien.json").read_text()
    shown = set(re.findall(r"mien_[a-z_]+", dashboard))
    exposed = re.findall(r"^# TYPE (mien_\w+)", counted_client.get("/metrics").text, re.MULTILINE)
    known = {f"{name}{suffix}" for name in exposed for suffix in ("", "_bucket", "_sum", "_count")}
    assert shown
    assert shown <= known


def test_two_applications_do_not_share_counts():
    first, second = Metrics(), Metrics()
    first.rejected("overloaded")
    assert b"overloaded" in first.render()
    assert b"overloaded" not in second.render()


@pytest.fixture
def json_logs(caplog):
    handler = make_handler("json")
    handler.setStream(io.StringIO())
    logging.getLogger().addHandler(handler)
    caplog.set_level("INFO")
    yield lambda: [json.loads(line) for line in handler.stream.getvalue().splitlines()]
    logging.getLogger().removeHandler(handler)


def test_access_log_names_the_request_and_nothing_private(json_logs, counted_client):
    client = counted_client
    answer = client.post("/detect?max_faces=3", content=encode(gradient()), headers={"X-Request-ID": "abc"})
    client.post("/detect", content=b"text")
    client.get("/secret-path-of-somebody")
    client.get("/livez")
    lines = [line for line in json_logs() if line["logger"] == "app.api.guards.access"]
    assert [(line["route"], line["status"], line.get("code")) for line in lines] == [
        ("/detect", 200, None), ("/detect", 415, "unsupported_media"), ("unmatched", 404, "not_found"),
    ]  # fmt: skip
    assert lines[0]["request_id"] == "abc"
    assert lines[0]["duration_ms"] > 0
    allowed = {"time", "level", "logger", "message", "request_id", "method", "route", "status", "duration_ms", "code"}
    assert all(set(line) <= allowed for line in lines)
    text = json.dumps(lines)
    assert not any(str(each) in text for each in answer.json()["faces"][0]["probabilities"].values())
    assert "max_faces" not in text
    assert "secret-path" not in text


@pytest.mark.parametrize(("path", "form"), [("/detect", "file"), ("/detect/batch", "files")])
def test_why_the_networks_failed_is_in_the_log_under_the_request_id(json_logs, path, form):
    class Broken(FakePipeline):
        def detect(self, images, options):
            raise RuntimeError("no such kernel")

    with TestClient(create_app(Settings(), Engine(Broken, EngineLimits()))) as client:
        answer = client.post(path, files={form: encode(gradient())}, headers={"X-Request-ID": "abc"})
    assert "inference_failed" in answer.text
    assert "no such kernel" not in answer.text
    [line] = [each for each in json_logs() if each["logger"] == "app.api.wire.problems"]
    assert (line["request_id"], line["level"]) == ("abc", "error")
    assert "inference_failed" in line["message"]
    assert "no such kernel" in line["message"]


def test_what_is_refused_early_has_a_route_too(json_logs):
    settings = Settings(api_keys="one", rate_limit="1/hour")
    ask = {"headers": {"X-API-Key": "one"}}
    with TestClient(create_app(settings, Engine(FakePipeline, EngineLimits()))) as client:
        for path in ("/classify", "/web/app.js", "/web/swagger-ui/none.js", "/secret"):
            client.get(path)
        for _ in range(2):
            client.post("/detect", **ask)
        with pytest.raises(WebSocketDenialResponse), client.websocket_connect("/detect/stream", **ask):
            pass
    lines = [line for line in json_logs() if line["logger"] == "app.api.guards.access"]
    assert [(line["route"], line["status"]) for line in lines] == [
        ("/classify", 401), ("/web", 200), ("/web/swagger-ui", 404), ("unmatched", 401),
        ("/detect", 400), ("/detect", 429), ("/detect/stream", 429),
    ]  # fmt: skip


def test_a_traceback_is_one_line_of_json(json_logs):
    try:
        raise ValueError("bad")
    except ValueError:
        logging.getLogger("test").exception("it failed", extra={"faces": [0.1, 0.9]})
    [line] = json_logs()
    assert line["message"] == "it failed"
    assert "ValueError: bad" in line["exception"]
    assert "faces" not in line
