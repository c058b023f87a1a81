"""A client that speaks ASGI itself, for bodies and departures that no HTTP client would send."""

import asyncio
import json


def http_scope(path="/detect", method="POST", headers=(), client="10.0.0.1"):
    return {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "client": (client, 5000),
        "server": ("test", 80), "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
    }  # fmt: skip


class Exchange:
    """One request: `parts` is what the client sends; after them it is silent until told to leave."""

    def __init__(self, app, parts, last=True, headers=(("content-length", "1"),), path="/detect", client="10.0.0.1"):
        self.app, self.scope = app, http_scope(path, headers=headers, client=client)
        self.messages = [
            {"type": "http.request", "body": part, "more_body": not last or index < len(parts) - 1}
            for index, part in enumerate(parts)
        ]
        self.left, self.sent = asyncio.Event(), []

    async def receive(self):
        if self.messages:
            return self.messages.pop(0)
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        self.sent.append(message)

    async def run(self):
        await self.app(self.scope, self.receive, self.send)
        return self

    async def count_turns(self):
        """Run, and return how often another task had its turn after the body was received."""
        turns, reading = 0, asyncio.create_task(self.run())
        while self.messages:  # noqa: ASYNC110 - until the body was received
            await asyncio.sleep(0)
        while not reading.done():
            turns += 1
            await asyncio.sleep(0)
        await reading
        return turns

    @property
    def status(self):
        return self.sent[0]["status"]

    @property
    def headers(self):
        return {name.decode(): value.decode() for name, value in self.sent[0]["headers"]}

    @property
    def problem(self):
        return json.loads(b"".join(message.get("body", b"") for message in self.sent))
