"""WS /detect/stream under load and at its limits: back-pressure, sizes, rates, origins, and how sessions end."""

import asyncio
import gc
import json
import time

import pytest
from uvicorn.protocols.utils import ClientDisconnected

from app.api.stream.intake import TEXTS_AT_ONCE, TEXTS_PER_S
from tests.api.streams import URL, GatedPipeline, closing, let_it_read, open_streams, picture, serve
from tests.support.wait import wait_until


@pytest.fixture
def gated():
    pipeline = GatedPipeline()
    with serve(pipeline) as client:
        yield client, pipeline


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
        assert closing(session) == (1008, "No frame for 0.05 s.")


def test_words_alone_keep_no_place():
    with serve(stream_idle_timeout_s=0.5) as client, client.websocket_connect(URL) as session:
        session.receive_json()
        patience, reply = time.monotonic() + 10, session.receive()
        while reply["type"] != "websocket.close" and time.monotonic() < patience:
            session.send_text(json.dumps({"type": "session.update", "max_faces": 1}))
            reply = session.receive()
        assert reply == {"type": "websocket.close", "code": 1008, "reason": "No frame for 0.5 s."}


def test_a_frame_that_takes_longer_than_the_idle_timeout_is_still_answered():
    pipeline, frame = GatedPipeline(), picture()
    with serve(pipeline, stream_idle_timeout_s=0.5) as client, client.websocket_connect(URL) as session:
        session.receive_json()
        session.send_bytes(frame)
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
        ("https://testserver", False),
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


@pytest.mark.parametrize("sent", [0, 1], ids=["at the handshake", "at the first message"])
def test_a_client_who_leaves_while_the_stream_opens_is_no_error(gated, caplog, sent):
    client, _ = gated
    scope = {
        "type": "websocket", "path": URL, "raw_path": URL.encode(), "query_string": b"", "headers": [], "state": {},
        "subprotocols": [], "scheme": "ws", "server": ("a", 80), "client": ("b", 1), "extensions": {},
    }  # fmt: skip
    told = []

    async def receive():
        return {"type": "websocket.connect"} if not told else await asyncio.Future()

    async def send(message):
        if len(told) == sent:
            raise ClientDisconnected
        told.append(message["type"])

    client.portal.call(client.app, scope, receive, send)
    assert len(told) == sent
    assert "unexpected" not in caplog.text
    assert open_streams(client) == 0


def test_many_settings_are_read_at_a_bounded_pace():
    with serve() as client, client.websocket_connect(URL) as session:
        session.receive_json()
        began = time.monotonic()
        for _ in range(TEXTS_AT_ONCE + 5):
            session.send_text(json.dumps({"type": "session.update", "max_faces": 1}))
        for _ in range(TEXTS_AT_ONCE + 5):
            assert session.receive_json()["type"] == "session.updated"
        assert time.monotonic() - began >= 4 / TEXTS_PER_S


def test_frames_count_as_bytes_held_until_they_are_answered(gated):
    client, pipeline = gated
    budget, frame = client.app.state.services.engine.admission.body_bytes, picture()
    with client.websocket_connect(URL) as session:
        session.receive_json()
        session.send_bytes(frame)
        assert pipeline.entered.acquire(timeout=30)
        session.send_bytes(frame)
        let_it_read(client)
        assert budget.held == 2 * len(frame)
        pipeline.gate.release(2)
        session.receive_json(), session.receive_json()
    wait_until(lambda: gc.collect() >= 0 and budget.held == 0)  # as below, a task that has ended is a cycle


def test_a_frame_for_which_there_is_no_memory_is_told_so_and_costs_only_itself(gated):
    client, pipeline = gated
    budget = client.app.state.services.engine.admission.body_bytes
    with client.websocket_connect(URL) as session:
        session.receive_json()
        with budget.take("another", budget.capacity - len(picture()) + 1):
            session.send_bytes(picture())
            assert session.receive_json()["code"] == "overloaded"
        pipeline.gate.release()
        session.send_bytes(picture())
        assert session.receive_json()["type"] == "frame.result"


def annotated_and_unread(client, end):
    """Ask for an annotated frame, do not take it, end the stream so, and say how many bytes were counted before."""
    sent, taken, told = asyncio.Event(), asyncio.Event(), []
    budget = client.app.state.services.engine.admission.body_bytes
    asked = [
        {"type": "websocket.connect"},
        {"type": "websocket.receive", "text": '{"type": "session.update", "annotate": true}'},
        {"type": "websocket.receive", "bytes": picture()},
    ]
    scope = {
        "type": "websocket", "path": URL, "raw_path": URL.encode(), "query_string": b"", "headers": [], "state": {},
        "subprotocols": [], "scheme": "ws", "server": ("a", 80), "client": ("b", 1), "extensions": {},
    }  # fmt: skip

    async def receive():
        return asked.pop(0) if asked else await asyncio.Future()

    async def send(message):
        told.append(message)
        if message.get("bytes") is not None:
            sent.set()
            await taken.wait()
            if end == "vanishes":
                raise OSError

    async def stream_until_unread():
        stream = asyncio.create_task(client.app(scope, receive, send))
        await sent.wait()
        unread = budget.held, len(told[-1]["bytes"]) + len(picture())
        taken.set()
        if end == "is cancelled":
            stream.cancel()
        await asyncio.gather(stream, return_exceptions=True)
        return unread

    return client.portal.call(stream_until_unread)


def test_an_annotated_frame_counts_until_its_client_has_taken_it():
    with serve() as client:
        held, unread = annotated_and_unread(client, "is cancelled")
        assert held == unread
        budget = client.app.state.services.engine.admission.body_bytes
        wait_until(lambda: gc.collect() >= 0 and budget.held == 0)  # the cancelled task's traceback is a cycle


@pytest.fixture
def without_garbage_collection():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("without_garbage_collection")
def test_what_a_client_that_vanished_did_not_take_hangs_in_no_cycle():
    with serve() as client:
        budget = client.app.state.services.engine.admission.body_bytes
        assert annotated_and_unread(client, "vanishes")[0]
        wait_until(lambda: budget.held == 0)


@pytest.mark.usefixtures("without_garbage_collection")
def test_a_damaged_frame_hangs_in_no_cycle():
    with serve() as client, client.websocket_connect(URL) as session:
        budget = client.app.state.services.engine.admission.body_bytes
        session.receive_json()
        session.send_bytes(picture()[:200])
        assert session.receive_json()["type"] == "frame.error"
        wait_until(lambda: budget.held == 0)
