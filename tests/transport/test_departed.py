"""A client that left before its WebSocket was answered is no failure of the application."""

import asyncio
from types import SimpleNamespace

import pytest
from uvicorn.protocols.utils import ClientDisconnected

from app.transport.departed import unless_departed


async def silent(_scope, _receive, _send):
    """End without an answer, as the stream's route does when its client is gone."""


def run(is_closing, is_answered):
    transport = SimpleNamespace(is_closing=lambda: is_closing)
    protocol = SimpleNamespace(transport=transport, handshake_complete=is_answered)
    asyncio.run(unless_departed(silent, protocol)({}, None, None))


def test_silence_for_a_client_that_left_is_told_as_its_departure():
    with pytest.raises(ClientDisconnected):
        run(is_closing=True, is_answered=False)


@pytest.mark.parametrize(("is_closing", "is_answered"), [(False, False), (False, True), (True, True)])
def test_any_other_end_is_the_applications_own(is_closing, is_answered):
    run(is_closing, is_answered)
