"""Bounds over all requests together, and clients that are slow, half-hearted or gone."""

import asyncio
import threading

import pytest
from fastapi.testclient import TestClient

from app.config import Settings
from app.main import create_app
from app.serving.engine import Engine, EngineLimits
from tests.api.asgi import Exchange
from tests.support.pictures import encode, gradient
from tests.support.pipeline import FakePipeline
from tests.support.stuck_pipeline import Stuck


class StuckDetector(Stuck):
    def detect(self, images, options):
        if images:
            self.entered.set()
            self.open.wait()
        return FakePipeline.detect(self, images, options)


def serve(steps, pipeline=FakePipeline, limits=None, **settings):
    """Run steps(app, engine) on a started application."""

    async def run():
        engine = Engine(pipeline, limits or EngineLimits())
        app = create_app(Settings(**settings), engine)
        await engine.start()
        try:
            await steps(app, engine)
        finally:
            await engine.stop()

    asyncio.run(run())


@pytest.mark.parametrize("parts", [[], [b"\xff\xd8"]])
def test_half_sent_bodies_time_out_and_the_connection_is_closed(parts):
    async def steps(app, engine):
        exchange = await Exchange(app, parts, last=False).run()
        assert (exchange.status, exchange.problem["code"]) == (408, "upload_timeout")
        assert exchange.headers["connection"] == "close"

    serve(steps, upload_timeout_s=0.05)


@pytest.mark.parametrize("length", ["1", "999999999999", "0", "-5", "many"])
def test_the_announced_length_is_not_believed(length):
    """A body of 2 kB under a limit of 1 kB is refused, whatever its header says."""

    async def steps(app, engine):
        exchange = await Exchange(app, [b"x" * 1000] * 2, headers=(("content-length", length),)).run()
        assert (exchange.status, exchange.problem["code"]) == (413, "payload_too_large")

    serve(steps, max_image_bytes=1000, max_request_bytes=1000)


def test_bodies_of_all_requests_together_are_bounded_and_given_back():
    picture = encode(gradient())
    limit = len(picture) * 3

    async def steps(app, engine):
        slow = [Exchange(app, [picture], last=False) for _ in range(3)]
        running = [asyncio.create_task(each.run()) for each in slow]
        while any(each.messages for each in slow):  # noqa: ASYNC110 - until all three were read
            await asyncio.sleep(0)
        refused = await Exchange(app, [picture]).run()
        assert (refused.status, refused.problem["code"]) == (503, "overloaded")
        assert int(refused.headers["retry-after"]) >= 1
        for each in slow:
            each.left.set()
        await asyncio.gather(*running)
        assert (await Exchange(app, [picture]).run()).status == 200

    serve(steps, max_body_bytes_held=limit, max_image_bytes=limit, max_request_bytes=limit)


def test_requests_at_once_are_bounded_but_probes_are_answered():
    async def steps(app, engine):
        slow = Exchange(app, [], last=False)
        running = asyncio.create_task(slow.run())
        await asyncio.sleep(0)
        refused = await Exchange(app, [b"x"]).run()
        assert (refused.status, refused.headers["retry-after"]) == (503, "2")
        probe = Exchange(app, [], path="/readyz", headers=())
        probe.scope["method"] = "GET"
        assert (await probe.run()).status == 200
        slow.left.set()
        await running
        assert (await Exchange(app, [encode(gradient())]).run()).status == 200

    serve(steps, max_requests=1)


def test_clients_that_only_read_keep_no_picture_out():
    """Files of the page need no key: as many readers as there are places leave all places for pictures."""

    async def steps(app, engine):
        reader = Exchange(app, [], path="/web/app.js", headers=(("content-length", "0"),))
        reader.scope["method"] = "GET"
        taking = asyncio.Event()

        async def send(message):
            reader.sent.append(message)
            if message["type"] == "http.response.body":
                taking.set()
                await reader.left.wait()

        reader.send = send
        running = asyncio.create_task(reader.run())
        await taking.wait()
        other = Exchange(app, [], path="/web/app.js", headers=())
        other.scope["method"] = "GET"
        assert (await other.run()).status == 503
        assert (await Exchange(app, [encode(gradient())]).run()).status == 200
        reader.left.set()
        await running

    serve(steps, max_requests=1)


def test_who_leaves_takes_the_work_along():
    pipeline = StuckDetector()

    async def steps(app, engine):
        first = Exchange(app, [encode(gradient())])
        held = asyncio.create_task(first.run())
        await asyncio.to_thread(pipeline.entered.wait)
        leaving = [Exchange(app, [encode(gradient(seed=i))]) for i in range(20)]
        running = [asyncio.create_task(each.run()) for each in leaving]
        while engine._networks._batcher.waiting < 20:  # noqa: ASYNC110
            await asyncio.sleep(0)
        for each in leaving:
            each.left.set()
        await asyncio.gather(*running)
        assert {each.status for each in leaving} == {499}
        assert engine.admission.pictures_in_work == 1
        pipeline.open.set()
        await held
        assert first.status == 200
        assert pipeline.batch_sizes == [1]

    serve(steps, lambda: pipeline)


def test_one_deadline_for_the_whole_request():
    """Sixteen pictures through a stuck network: one deadline's time, not one after the other."""
    pipeline = StuckDetector()

    async def steps(app, engine):
        body = b"".join(
            b'--x\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n' + encode(gradient()) + b"\r\n"
            for _ in range(16)
        )
        headers = (("content-type", "multipart/form-data; boundary=x"), ("content-length", "1"))
        started = asyncio.get_running_loop().time()
        exchange = await Exchange(app, [body + b"--x--\r\n"], headers=headers, path="/detect/batch").run()
        assert asyncio.get_running_loop().time() - started < 10 * 0.2
        assert {entry["error"]["code"] for entry in exchange.problem["results"]} == {"deadline_exceeded"}
        pipeline.open.set()

    serve(steps, lambda: pipeline, EngineLimits(queue_size=4, deadline_s=0.2))


def test_a_batch_of_which_nothing_could_be_taken_is_503():
    pipeline = StuckDetector()
    engine = Engine(lambda: pipeline, EngineLimits(queue_size=1))
    with TestClient(create_app(engine=engine)) as client:
        asking = threading.Thread(target=client.post, args=("/detect",), kwargs={"content": encode(gradient())})
        asking.start()
        pipeline.entered.wait()
        for path in ("/detect/batch", "/classify"):
            answer = client.post(path, files=[("files", encode(gradient())), ("files", encode(gradient()))])
            assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
            assert int(answer.headers["retry-after"]) >= 1
        pipeline.open.set()
        asking.join()


def test_a_thousand_clients_who_leave_at_any_moment():
    """Before, in and after the body, and while the networks work: nothing is left behind."""
    payload = encode(gradient())

    async def steps(app, engine):
        async def leave(number):
            cut = number % 4
            parts = [payload[: len(payload) * cut // 3]] if cut else []
            exchange = Exchange(app, parts, last=cut == 3)
            running = asyncio.create_task(exchange.run())
            for _ in range(number % 17):
                await asyncio.sleep(0)
            exchange.left.set()
            return (await running).status

        for start in range(0, 1000, 50):
            statuses = await asyncio.gather(*(leave(number) for number in range(start, start + 50)))
            assert set(statuses) <= {200, 499}
        assert engine.admission.pictures_in_work == 0
        assert engine._networks._batcher.waiting == 0
        assert (await Exchange(app, [payload]).run()).status == 200

    serve(steps)
