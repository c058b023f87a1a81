"""A picture with its faces drawn in, as an answer."""

from collections.abc import AsyncIterator
from functools import partial

from fastapi.responses import StreamingResponse

from app.api.wire.accept import JPEG
from app.errors import PayloadTooLarge
from app.faces.annotate import JPEG_MAX_SIDE_PX, draw_jpeg, draw_png
from app.faces.types import DetectOptions
from app.serving.budget import Budget
from app.serving.engine import Engine

JPEG_QUALITY = 90

PIECE_BYTES = 65_536
"""So much is sent before its reader must have taken what came before."""

WEIGHT = 7 / 3
"""Memory of a pixel that is drawn and encoded, in pixels of 3 bytes: Pillow's 4 bytes, and at most 3 of the file."""


async def detect_and_draw(
    engine: Engine, payload: bytes, options: DetectOptions, client: str, media_type: str
) -> bytes:
    """Find the faces of a picture, searched in full, and draw them; both count as work of the client.

    Args:
        engine: Finds them, and has the budgets.
        payload: The whole file.
        options: The caller's choice.
        client: Whose picture it is.
        media_type: `JPEG` or `PNG`.

    Returns:
        The picture as a file.

    Raises:
        MienError: As `Engine.detect`; PayloadTooLarge if a JPEG cannot be so large.
    """
    deadline = engine.deadline()
    found, image = await engine.detect_and_keep(payload, options, deadline, client)
    if media_type == JPEG and max(image.shape) > JPEG_MAX_SIDE_PX:
        raise PayloadTooLarge(f"A JPEG has at most {JPEG_MAX_SIDE_PX:,} pixels per side: accept image/png.")
    size = image.shape[0] * image.shape[1]
    pixels = max(0, min(round(WEIGHT * size), engine.admission.pixels.largest - size))
    draw = partial(draw_jpeg, quality=JPEG_QUALITY) if media_type == JPEG else draw_png
    return await engine.draw(lambda: draw(image, found), client, pixels, deadline, size)


def in_pieces(picture: bytes, media_type: str, body_bytes: Budget, client: str) -> StreamingResponse:
    """Return an answer that counts as bytes held until its client has taken all but the last of it.

    Args:
        picture: The whole file.
        media_type: Of it.
        body_bytes: Counts what is held.
        client: Who asked.

    Raises:
        Overloaded: If there is no room to hold it.
    """

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(picture), PIECE_BYTES):
            yield picture[start : start + PIECE_BYTES]

    hold = body_bytes.take(client, len(picture))
    answer = StreamingResponse(pieces(), media_type=media_type, headers={"Content-Length": str(len(picture))})
    hold.count_while_alive(answer, len(picture))
    return answer
