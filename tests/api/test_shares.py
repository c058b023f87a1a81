"""One client takes all that it can of everything that is limited; another is served all the same."""

import asyncio
from contextlib import ExitStack

import pytest

from app.api.guards.client import client_of, set_client
from app.config import Settings
from app.serving.engine import EngineLimits
from tests.api.asgi import Exchange, http_scope
from tests.api.streams import URL, closing
from tests.api.streams import serve as serve_streams
from tests.api.test_limits import StuckDetector, serve
from tests.serving.test_budget import turns_of_the_loop
from tests.support.pictures import encode, gradient

FLOOD, MODEST = "10.0.0.1", "10.0.0.2"


async def begin(exchanges):
    """Let requests begin, until their clients have sent all that they will."""
    running = [asyncio.create_task(each.run()) for each in exchanges]
    while any(each.messages for each in exchanges):  # noqa: ASYNC110 - until all were read
        await asyncio.sleep(0)
    await turns_of_the_loop()
    return running


async def end(exchanges, running):
    for each in exchanges:
        each.left.set()
    await asyncio.gather(*running)


def forms(count, path="/detect/batch"):
    parts = [
        b'--x\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n' + encode(gradient(seed=seed))
        for seed in range(count)
    ]
    return {
        "parts": [b"\r\n".join([*parts, b"--x--\r\n"])],
        "headers": (("content-type", "multipart/form-data; boundary=x"), ("content-length", "1")),
        "path": path,
    }


@pytest.mark.parametrize("parts", [[], [b"\xff\xd8"]], ids=["headers", "half a body"])
def test_uploads_that_never_end_keep_no_other_client_out(parts):
    async def steps(app, engine):
        trickling = [Exchange(app, list(parts), last=False, client=FLOOD) for _ in range(16)]
        running = await begin(trickling)
        assert (await Exchange(app, [encode(gradient())], client=FLOOD).run()).status == 503
        for _ in range(3):
            assert (await Exchange(app, [encode(gradient())], client=MODEST).run()).status == 200
        await end(trickling, running)
        assert engine.admission.requests.clients == engine.admission.body_bytes.clients == 0

    serve(steps, max_requests=16)


def test_bytes_of_one_client_keep_no_other_client_out():
    picture = encode(gradient())

    async def steps(app, engine):
        large = [Exchange(app, [bytes(len(picture))], last=False, client=FLOOD) for _ in range(20)]
        running = await begin(large)
        assert (await Exchange(app, [picture], client=MODEST).run()).status == 200
        await end(large, running)
        statuses = [each.status for each in large]
        assert statuses.count(499) >= 7  # the others were refused
        assert set(statuses) == {499, 503}

    limit = 10 * len(picture)
    serve(steps, max_body_bytes_held=limit, max_request_bytes=limit // 2, max_image_bytes=limit // 2)


@pytest.mark.parametrize("ask", [lambda: {"parts": [encode(gradient())]}, lambda: forms(4)], ids=["one", "batch"])
def test_pictures_of_one_client_keep_no_other_client_out(ask):
    """All places are taken by a flood that stands still: what comes from elsewhere waits, and is answered."""
    pipeline = StuckDetector()

    async def steps(app, engine):
        flood = [Exchange(app, [encode(gradient(seed=seed))], client=FLOOD) for seed in range(30)]
        running = await begin(flood)
        await asyncio.to_thread(pipeline.entered.wait)
        modest = Exchange(app, **ask(), client=MODEST)
        asking = await begin([modest])
        assert not asking[0].done()
        pipeline.open.set()
        await asyncio.gather(*running, *asking)
        statuses = [each.status for each in flood]
        assert (statuses.count(200), statuses.count(503)) == (16, 14)
        assert modest.status == 200
        assert "error" not in modest.sent[1]["body"].decode()

    serve(steps, lambda: pipeline, EngineLimits(queue_size=16, max_batch_size=4))


def test_every_route_says_whose_pictures_they_are():
    pipeline = StuckDetector()

    async def steps(app, engine):
        first = Exchange(app, [encode(gradient())], client=FLOOD)
        running = await begin([first])
        await asyncio.to_thread(pipeline.entered.wait)
        others = [Exchange(app, **forms(2, path), client=FLOOD) for path in ("/detect/batch", "/classify")]
        running += await begin(others)
        while engine.admission.pictures_in_work < 5:  # noqa: ASYNC110 - until the forms are taken apart
            await asyncio.sleep(0)
        assert (engine.admission.pictures_in_work, engine.admission.pictures.clients) == (5, 1)
        pipeline.open.set()
        await asyncio.gather(*running)
        assert {each.status for each in (first, *others)} == {200}

    serve(steps, lambda: pipeline)


def test_streams_of_one_client_keep_no_other_client_out():
    with serve_streams(stream_max_sessions=8, api_keys="flood, modest") as client, ExitStack() as flood:

        def connect(key):
            return flood.enter_context(client.websocket_connect(URL, headers={"X-API-Key": key}))

        for _ in range(8):
            assert connect("flood").receive_json()["type"] == "session.created"
        assert closing(connect("flood"))[0] == 1013
        assert connect("modest").receive_json()["type"] == "session.created"


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::2:3", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("testclient", "testclient"),
    ],
)
def test_a_client_is_an_address_or_an_ipv6_network(address, client):
    scope = http_scope(client=address)
    assert client_of(scope) == client
    scope["client"] = ("another", 1)
    assert client_of(scope) == client  # it was worked out once
    set_client(scope, "key abc")
    assert client_of(scope) == "key abc"


def test_a_connection_without_an_address_is_a_client_too():
    scope = http_scope()
    scope["client"] = None
    assert client_of(scope) == "unknown"


def test_one_request_of_the_largest_size_fits_however_tight_the_settings():
    picture = encode(gradient())

    async def steps(app, engine):
        parts = [picture[at : at + 10] for at in range(0, len(picture), 10)]
        assert (await Exchange(app, parts).run()).status == 200

    size = len(picture)
    Settings(max_body_bytes_held=size, max_request_bytes=size)
    serve(steps, max_body_bytes_held=size, max_request_bytes=size, max_image_bytes=size)
