"""Cancels a request's work when its client disconnects."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import Request

from app.errors import ClientGone

Result = TypeVar("Result")


async def unless_client_leaves(request: Request, work: Coroutine[Any, Any, Result]) -> Result:
    """Do the work of a request whose body has been read; cancel it when the connection closes.

    Raises:
        ClientGone: If the client left first.
    """
    working, leaving = asyncio.create_task(work), asyncio.create_task(_gone(request))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientGone("The client left before the answer was ready.")
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)
        del working, leaving  # A task that failed and this frame would keep each other, and the picture, in memory.


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
