"""WS /detect/stream against the fake pipeline; a gate in the fake makes every order of events certain."""

import asyncio
import io
import threading
from dataclasses import replace

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image as Pillow
from starlette.websockets import WebSocketDisconnect

from app.config import Settings
from app.main import create_app
from app.serving.engine import Engine, EngineLimits
from tests.conftest import LABELS, FakePipeline, digest_probabilities, encode, gradient

URL = "/detect/stream"


class GatedPipeline(FakePipeline):
    """Stops at each picture until the gate is opened once more."""

    def __init__(self):
        super().__init__()
        self.entered, self.gate = threading.Semaphore(0), threading.Semaphore(0)

    def detect(self, images, options):
        if images:
            self.entered.release()
            assert self.gate.acquire(timeout=30)
        return super().detect(images, options)


def serve(pipeline=None, queue_size=64, **settings):
    pipeline = pipeline or FakePipeline()
    limits = EngineLimits(max_pixels=1_000_000, queue_size=queue_size)
    return TestClient(create_app(Settings(**settings), Engine(lambda: pipeline, limits)))


@pytest.fixture
def gated():
    pipeline = GatedPipeline()
    with serve(pipeline) as client:
        yield client, pipeline


def picture(seed=0):
    return encode(gradient(seed=seed))


def closing(session):
    with pytest.raises(WebSocketDisconnect) as raised:
        session.receive_json()
    return raised.value.code, raised.value.reason


def let_it_read(client):
    """Give the event loop the turns it needs to take all that was sent."""

    async def turns():
        for _ in range(500):
            await asyncio.sleep(0)

    client.portal.call(turns)


def open_streams(client):
    return client.portal.call(lambda: client.app.state.services.streams.open)


def test_session_created():
    with serve() as client, client.websocket_connect(URL) as session:
        created = session.receive_json()
    assert len(created.pop("session_id")) == 32
    assert created == {
        "type": "session.created",
        "limits": {
            "max_frame_bytes": 5_000_000,
            "max_frames_per_second": 30.0,
            "max_pixels": 1_000_000,
            "idle_timeout_s": 60.0,
        },
        "settings": {
            "smoothing": True, "annotate": False, "max_faces": None, "min_face_px": 0.0, "score_threshold": None,
        },
        "model": {"detector": "detector@000000000000", "emotion": "emotion@000000000000"},
    }  # fmt: skip


def test_a_result_has_the_fields_of_detect_beside_those_of_a_stream():
    with serve() as client, client.websocket_connect(URL) as session:
        session.receive_json()
        session.send_bytes(picture())
        result = session.receive_json()
        answer = client.post("/detect", content=picture()).json()
    assert set(result) == {"type", "seq", "image", "faces", "timings_ms", "model", "annotated"}
    assert (result["type"], result["seq"], result["annotated"]) == ("frame.result", 0, False)
    assert (result["image"], result["model"]) == (answer["image"], answer["model"])
    assert set(result["timings_ms"]) == set(answer["timings_ms"])
    [face], [expected] = result["faces"], answer["faces"]
    assert face["track_id"] == 1
    assert face["raw_probabilities"] == expected["probabilities"]
    assert {**expected, "track_id": 1, "raw_probabilities": face["raw_probabilities"]} == face


def test_probabilities_are_smoothed_with_one_share_for_all_labels():
    images = [gradient(seed=0), gradient(seed=7)]
    with serve() as client, client.websocket_connect(URL) as session:
        session.receive_json()
        faces = []
        for image in images:
            session.send_bytes(encode(image))
            faces += session.receive_json()["faces"]
    old, new = (np.array(digest_probabilities(image)) for image in images)
    assert [face["track_id"] for face in faces] == [1, 1]
    assert tuple(faces[1]["raw_probabilities"].values()) == tuple(new.tolist())
    smoothed = np.array([faces[1]["probabilities"][label] for label in LABELS])
    share = (smoothed - old) / (new - old)
    assert 0 < share[0] < 1
    np.testing.assert_allclose(share, share[0], rtol=1e-6)
    assert faces[1]["confidence"] == smoothed.max() == faces[1]["probabilities"][faces[1]["emotion"]]


@pytest.mark.parametrize(
    ("settings", "update", "track_id"),
    [
        ({}, {"smoothing": False}, 1),
        ({"smoothing_s": 0}, {}, 1),
        ({"tracking": False}, {}, None),
    ],
)
def test_smoothing_and_tracking_can_be_switched_off(settings, update, track_id):
    with serve(**settings) as client, client.websocket_connect(URL) as session:
        assert session.receive_json()["settings"]["smoothing"] is (not settings)
        if update:
            session.send_json({"type": "session.update", **update})
            assert session.receive_json()["settings"]["smoothing"] is False
        for seed in (0, 7):
            session.send_bytes(picture(seed))
            [face] = session.receive_json()["faces"]
            assert face["track_id"] == track_id
            assert face["probabilities"] == face["raw_probabilities"]


def test_options_reach_the_pipeline():
    pipeline = FakePipeline()
    with serve(pipeline) as client, client.websocket_connect(URL) as session:
        session.receive_json()
        session.send_json({"type": "session.update", "score_threshold": 0.25, "max_faces": 3})
        assert session.receive_json()["settings"]["max_faces"] == 3
        session.send_json({"type": "session.update", "min_face_px": 5})
        updated = session.receive_json()
        assert (updated["type"], updated["settings"]["score_threshold"]) == ("session.updated", 0.25)
        session.send_bytes(picture())
        assert session.receive_json()["faces"][0]["detection_confidence"] == 0.25
    [options] = pipeline.options
    assert (options.max_faces, options.min_face_px, options.score_threshold) == (3, 5.0, 0.25)


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("no JSON", "Invalid JSON"),
        ("[" * 2000, "session.update"),
        ("{}", "type"),
        ('{"type": "session.create"}', "type"),
        ('{"type": "session.update", "max_faces": 0}', "max_faces"),
        ('{"type": "session.update", "smoothing": "maybe"}', "smoothing"),
        ('{"type": "session.update", "model": "x"}', "model"),
        ('{"type": "session.update", "score_threshold": NaN}', "score_threshold"),
        ("x" * 5000, "4096"),
    ],
)
def test_wrong_texts_are_told_and_the_session_lives_on(text, detail):
    with serve() as client, client.websocket_connect(URL) as session:
        session.receive_json()
        session.send_text(text)
        error = session.receive_json()
        assert set(error) == {"type", "title", "status", "code", "detail"}
        assert (error["type"], error["status"], error["code"]) == ("session.error", 422, "invalid_request")
        assert detail in error["detail"]
        session.send_bytes(picture())
        assert session.receive_json()["type"] == "frame.result"


def test_settings_are_fixed_after_the_first_frame():
    with serve() as client, client.websocket_connect(URL) as session:
        session.receive_json()
        session.send_bytes(picture())
        session.receive_json()
        session.send_json({"type": "session.update", "smoothing": False})
        assert "before the first frame" in session.receive_json()["detail"]


def test_smoothing_cannot_be_asked_for_where_the_server_has_none():
    with serve(tracking=False) as client, client.websocket_connect(URL) as session:
        session.receive_json()
        session.send_json({"type": "session.update", "smoothing": True})
        assert session.receive_json()["type"] == "session.error"


def test_annotated_picture_follows_its_result():
    with serve() as client, client.websocket_connect(URL) as session:
        session.receive_json()
        session.send_json({"type": "session.update", "annotate": True})
        session.receive_json()
        for seq in range(2):
            session.send_bytes(encode(gradient(200, 160), "JPEG"))
            result = session.receive_json()
            assert (result["seq"], result["annotated"]) == (seq, True)
            with Pillow.open(io.BytesIO(session.receive_bytes())) as annotated:
                assert (annotated.format, annotated.size) == ("JPEG", (200, 160))


def test_bad_frames_cost_only_themselves():
    with serve() as client, client.websocket_connect(URL) as session:
        session.receive_json()
        for seq, (payload, status, code) in enumerate(
            [
                (b"", 400, "bad_payload"),
                (b"no picture", 415, "unsupported_media"),
                (picture()[:60], 400, "bad_payload"),
                (encode(gradient(2000, 1000)), 413, "payload_too_large"),
            ]
        ):
            session.send_bytes(payload)
            error = session.receive_json()
            assert set(error) == {"type", "seq", "title", "status", "code", "detail"}
            assert (error["type"], error["seq"], error["status"], error["code"]) == ("frame.error", seq, status, code)
        session.send_bytes(picture())
        assert (session.receive_json()["seq"]) == 4


class Insane(FakePipeline):
    """Returns a size that no answer can carry."""

    def detect(self, images, options):
        return [replace(found, width="wide") for found in super().detect(images, options)]


def test_an_unexpected_failure_leaks_nothing_and_the_session_lives_on():
    with serve(Insane()) as client, client.websocket_connect(URL) as session:
        session_id = session.receive_json()["session_id"]
        for seq in range(2):
            session.send_bytes(picture())
            error = session.receive_json()
            assert (error["seq"], error["status"], error["code"]) == (seq, 500, "internal_error")
            assert session_id in error["detail"]
            assert "wide" not in error["detail"]


def test_back_pressure_keeps_the_newest_frame_and_answers_all_in_order(gated):
    client, pipeline = gated
    with client.websocket_connect(URL) as session:
        session.receive_json()
        session.send_bytes(picture(0))
        assert pipeline.entered.acquire(timeout=30)
        for seed in (1, 2, 3):
            session.send_bytes(picture(seed))
        session.send_text("anything")
        session.send_bytes(picture(4))
        session.send_bytes(b"")  # the newest, however bad
        let_it_read(client)
        for _ in range(2):
            pipeline.gate.release()
        replies = [session.receive_json() for _ in range(7)]
    assert [(each["type"], each.get("seq"), each.get("reason")) for each in replies] == [
        ("frame.result", 0, None),
        ("frame.dropped", 1, "superseded"),
        ("frame.dropped", 2, "superseded"),
        ("frame.dropped", 3, "superseded"),
        ("session.error", None, None),
        ("frame.dropped", 4, "superseded"),
        ("frame.error", 5, None),
    ]
    assert pipeline.batch_sizes == [1]


def test_one_session_never_holds_more_than_one_place():
    pipeline = GatedPipeline()
    with (
        serve(pipeline, stream_max_frames_per_second=1000) as client,
        client.websocket_connect(URL) as greedy,
        client.websocket_connect(URL) as modest,
    ):
        greedy.receive_json(), modest.receive_json()
        greedy.send_bytes(picture(0))
        assert pipeline.entered.acquire(timeout=30)
        for seed in range(1, 20):
            greedy.send_bytes(picture(seed))
        modest.send_bytes(picture(50))
        let_it_read(client)
        pipeline.gate.release(3)
        assert modest.receive_json()["type"] == "frame.result"
        replies = [greedy.receive_json() for _ in range(20)]
    assert [each["type"] for each in replies] == ["frame.result", *["frame.dropped"] * 18, "frame.result"]
    assert sum(pipeline.batch_sizes) == 3


def test_too_many_frames_a_second_are_announced():
    with serve(stream_max_frames_per_second=0.001) as client, client.websocket_connect(URL) as session:
        session.receive_json()
        for _ in range(3):
            session.send_bytes(picture())
        replies = [session.receive_json() for _ in range(3)]
    assert [each.get("reason") for each in replies] == [None, "rate", "rate"]


def test_overload_is_an_error_of_the_frame():
    pipeline = GatedPipeline()
    with (
        serve(pipeline, queue_size=1) as client,
        client.websocket_connect(URL) as first,
        client.websocket_connect(URL) as second,
    ):
        first.receive_json(), second.receive_json()
        first.send_bytes(picture())
        assert pipeline.entered.acquire(timeout=30)
        second.send_bytes(picture())
        assert second.receive_json()["code"] == "overloaded"
        pipeline.gate.release(2)
        assert first.receive_json()["type"] == "frame.result"
        second.send_bytes(picture())
        assert second.receive_json()["type"] == "frame.result"


def test_a_message_too_big_is_answered_and_ends_the_session():
    with serve(stream_max_frame_bytes=5000) as client, client.websocket_connect(URL) as session:
        session.receive_json()
        session.send_bytes(picture())
        session.send_bytes(bytes(5001))
        assert session.receive_json()["type"] == "frame.result"
        error = session.receive_json()
        assert (error["seq"], error["code"]) == (1, "payload_too_large")
        code, reason = closing(session)
    assert code == 1009
    assert "5,000" in reason


def test_idle_sessions_are_closed():
    with serve(stream_idle_timeout_s=0.05) as client, client.websocket_connect(URL) as session:
        session.receive_json()
        assert closing(session) == (1008, "No message for 0.05 s.")


def test_a_frame_that_takes_longer_than_the_idle_timeout_is_still_answered():
    pipeline = GatedPipeline()
    with serve(pipeline, stream_idle_timeout_s=0.05) as client, client.websocket_connect(URL) as session:
        session.receive_json()
        session.send_bytes(picture())
        assert pipeline.entered.acquire(timeout=30)
        with client.websocket_connect(URL) as later:
            later.receive_json()
            assert closing(later)[0] == 1008
        pipeline.gate.release()
        assert session.receive_json()["type"] == "frame.result"
        assert closing(session)[0] == 1008


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (None, True),
        ("http://testserver", True),
        ("https://testserver", True),
        ("http://testserver:80", True),
        ("https://app.example", True),
        ("http://app.example", False),
        ("https://testserver:8443", False),
        ("https://testserver.evil.example", False),
        ("https://evil.example", False),
        ("null", False),
        ("", False),
        ("http://[", False),
    ],
)
def test_only_known_origins_may_stream(origin, allowed):
    headers = {} if origin is None else {"origin": origin}
    with (
        serve(cors_origins="https://app.example") as client,
        client.websocket_connect(URL, headers=headers) as session,
    ):
        if allowed:
            assert session.receive_json()["type"] == "session.created"
        else:
            assert closing(session)[0] == 1008


def test_all_origins_may_stream_where_the_setting_says_so():
    with (
        serve(cors_origins="*") as client,
        client.websocket_connect(URL, headers={"origin": "https://a.example"}) as own,
    ):
        assert own.receive_json()["type"] == "session.created"


def test_one_session_too_many_is_sent_away_and_a_place_comes_free():
    with serve(stream_max_sessions=1) as client:
        with client.websocket_connect(URL) as first:
            first.receive_json()
            with client.websocket_connect(URL) as second:
                assert closing(second)[0] == 1013
        assert open_streams(client) == 0
        with client.websocket_connect(URL) as third:
            assert third.receive_json()["type"] == "session.created"


def test_a_stopping_server_answers_what_came_and_says_goodbye(gated):
    client, pipeline = gated
    streams = client.app.state.services.streams
    with client.websocket_connect(URL) as session, client.websocket_connect(URL) as idle:
        session.receive_json(), idle.receive_json()
        session.send_bytes(picture(0))
        assert pipeline.entered.acquire(timeout=30)
        session.send_bytes(picture(1))
        let_it_read(client)
        closed = client.portal.start_task_soon(streams.close, 30.0)
        assert closing(idle)[0] == 1001
        pipeline.gate.release(2)
        assert [session.receive_json()["seq"] for _ in range(2)] == [0, 1]
        assert closing(session)[0] == 1001
    closed.result()
    with client.websocket_connect(URL) as late:
        assert closing(late)[0] == 1001


@pytest.mark.parametrize("way", ["client leaves", "task is cancelled"])
def test_nothing_is_left_of_a_session_that_ends_while_a_frame_is_in_work(gated, way):
    async def tasks():
        return len(asyncio.all_tasks())

    client, pipeline = gated
    before = client.portal.call(tasks)
    with client.websocket_connect(URL) as session:
        session.receive_json()
        session.send_bytes(picture())
        assert pipeline.entered.acquire(timeout=30)
        session.send_bytes(picture())
        if way == "client leaves":
            session.close(1000)
    assert open_streams(client) == 0
    assert client.portal.call(tasks) == before
    pipeline.gate.release(2)
    assert client.post("/detect", content=picture()).status_code == 200
