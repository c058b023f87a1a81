"""Reads request bodies under a byte limit: a raw picture, a multipart form, or JSON with pictures as base64.

Nothing is written to disk, and nothing holds the event loop for long: bodies are taken apart as they arrive, in slices.
"""

import io
from collections.abc import AsyncGenerator, Collection, Mapping
from typing import Any

from starlette.requests import ClientDisconnect, Request

from app.api.guards.client import client_of
from app.api.wire.form import FormReader
from app.api.wire.json_text import JsonReader
from app.api.wire.names import HOW_TO_SEND, options_given, refuse_unknown, without_extras
from app.api.wire.uploads import Body, BodyLimits, Upload
from app.errors import BadPayload, ClientGone, InvalidRequest, PayloadTooLarge, UnsupportedMedia
from app.plural import counted
from app.serving.turns import Turns

FORM, JSON = "multipart/form-data", "application/json"
MAX_LENGTH_DIGITS = 18

SLICE_BYTES = 262_144
"""So much is taken apart at a time, a millisecond or two; then others have their turn."""

ONE, MANY = "image", "images"
"""The keys of pictures in JSON."""

ONE_TEXT = (
    f"{ONE!r} must be one text: the picture's base64, or a data: address with it. "
    f"Several pictures go to /detect/batch, in {MANY!r}."
)
SEVERAL_TEXTS = f"{MANY!r} must be a list of texts: each picture's base64, or a data: address with it."


async def read_single(request: Request, limits: BodyLimits, known: Collection[str], turns: Turns) -> Body:
    """Read one picture: the form field `file`, `image` in JSON, or the whole body of any other media type.

    Args:
        request: Its body has not been read.
        limits: Of its size.
        known: Names of the options that it may have besides.
        turns: In which forms and JSON are taken apart.

    Raises:
        BadPayload: If the body is empty, or the form, the JSON or the base64 is broken.
        PayloadTooLarge: If a limit is exceeded.
        UnsupportedMedia: If the body or a part is coded, is a file's name and not the file, or the form is in a charset
            that is not read.
        InvalidRequest: If there is not exactly one picture, or an option is unknown.
    """
    media_type = _media_type(request)
    if media_type == FORM:
        body = await _read_form(request, limits, "file", 1, known, turns)
    elif media_type == JSON:
        body = await _read_json(request, limits, ONE, 1, known, turns)
    else:
        body = Body([Upload(await _read_raw(request, limits))])
    body.uploads[0].usable(limits)
    return body


async def read_many(request: Request, limits: BodyLimits, max_files: int, known: Collection[str], turns: Turns) -> Body:
    """Read several pictures: the form fields `files`, or `images` in JSON.

    Their sizes and faults are not looked at: each has its own place in the answer.

    Args:
        request: As in `read_single`.
        limits: As in `read_single`.
        max_files: Most pictures.
        known: As in `read_single`.
        turns: As in `read_single`.

    Raises:
        MienError: As `read_single`; UnsupportedMedia also if the body is neither a form nor JSON.
    """
    media_type = _media_type(request)
    if media_type == FORM:
        return await _read_form(request, limits, "files", max_files, known, turns)
    if media_type == JSON:
        return await _read_json(request, limits, MANY, max_files, known, turns)
    raise UnsupportedMedia(
        "Send a multipart/form-data body with one or more pictures in the field 'files', or application/json with "
        "their base64 in 'images'."
    )


def _media_type(request: Request) -> str:
    """Return the body's media type.

    Raises:
        UnsupportedMedia: If the body is compressed, or in parts but no form.
    """
    coding = request.headers.get("content-encoding", "").strip().lower()
    if coding not in ("", "identity"):
        raise UnsupportedMedia(f"The body has the Content-Encoding {coding[:32]!r}: send it uncompressed.")
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type.startswith("multipart/") and media_type != FORM:
        raise UnsupportedMedia(f"A body of {media_type[:64]} is not read: send {FORM}.")
    return media_type


async def _read_raw(request: Request, limits: BodyLimits) -> bytes:
    buffer = io.BytesIO()  # Its value is taken out without a copy.
    async for part in _bounded(request, min(limits.max_image_bytes, limits.max_request_bytes)):
        buffer.write(part)
    payload = buffer.getvalue()
    if not payload:
        raise BadPayload("The body is empty: send a picture, or a multipart form with the field 'file'.")
    if payload[:64].lstrip()[:1] == b"{":  # as no picture begins
        raise UnsupportedMedia("The body looks like JSON: send it with Content-Type: application/json.")
    return payload


async def _read_form(
    request: Request, limits: BodyLimits, name: str, max_files: int, known: Collection[str], turns: Turns
) -> Body:
    reader = FormReader(request.headers["content-type"], name, max_files, limits.max_image_bytes)
    async for piece in _slices(request, limits.max_request_bytes, turns):
        reader.feed(piece)
    body = await reader.finish()
    options = options_given(without_extras(body.options, known))  # first: it may say where the picture was meant to go
    if not body.uploads:
        raise InvalidRequest(f"The form has no file in the field {name!r}.")
    return Body(body.uploads, options)


async def _read_json(
    request: Request, limits: BodyLimits, name: str, max_files: int, known: Collection[str], turns: Turns
) -> Body:
    reader = JsonReader(limits.max_image_bytes)
    async for piece in _slices(request, limits.max_json_bytes, turns):
        reader.feed(piece)
    value = reader.finish()
    if not isinstance(value, dict):
        raise InvalidRequest(f"The JSON must be an object. {HOW_TO_SEND}")
    refuse_unknown(value, {name, ONE, *known})
    uploads = [reader.upload(text) for text in _texts(value, name, max_files)]
    if sum(len(each.payload) for each in uploads) > limits.max_request_bytes:
        raise PayloadTooLarge(f"The pictures together are larger than {limits.max_request_bytes:,} bytes.")
    return Body(uploads, options_given({key: each for key, each in value.items() if key in known}))


def _texts(value: Mapping[str, Any], name: str, max_files: int) -> list[str]:
    """Return the pictures of a request, still as text; where several are taken, one may come by itself."""
    if name != ONE and ONE in value and name in value:
        raise InvalidRequest(f"The JSON has both {ONE!r} and {name!r}: give one of them.")
    texts = [value[ONE]] if ONE in value else value.get(name)
    if not texts:
        what = "base64, or a data: address" if name == ONE else "a list of base64 texts or data: addresses"
        raise InvalidRequest(f"The JSON has no {name!r}: {what}.")
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise InvalidRequest(ONE_TEXT if name == ONE else SEVERAL_TEXTS)
    if len(texts) > max_files:
        raise PayloadTooLarge(
            f"A request has at most {counted(max_files, 'picture')}: send the others in further ones."
        )
    return texts


async def _slices(request: Request, limit: int, turns: Turns) -> AsyncGenerator[bytes, None]:
    """Stream the body in small pieces, each when it is its client's turn."""
    client = client_of(request.scope)
    async for part in _bounded(request, limit):
        for start in range(0, len(part), SLICE_BYTES):
            await turns.wait(client)
            yield part[start : start + SLICE_BYTES] if len(part) > SLICE_BYTES else part


async def _bounded(request: Request, limit: int) -> AsyncGenerator[bytes, None]:
    """Stream the body; stop at the limit, whatever Content-Length says."""
    too_large = PayloadTooLarge(f"The body is larger than {limit:,} bytes.")
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and (len(announced) > MAX_LENGTH_DIGITS or int(announced) > limit):
        raise too_large
    received = 0
    try:
        async for part in request.stream():
            received += len(part)
            if received > limit:
                raise too_large
            yield part
    except ClientDisconnect as error:
        raise ClientGone("The client left before the body was complete.") from error
