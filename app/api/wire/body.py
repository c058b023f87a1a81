"""Reads request bodies under a byte limit: a raw picture, or a multipart form of pictures and options.

Nothing is written to disk: Starlette's parser would spool large files to a temporary folder.
"""

import io
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from app.errors import BadPayload, ClientGone, InvalidRequest, PayloadTooLarge, UnsupportedMedia

FORM = "multipart/form-data"
MAX_LENGTH_DIGITS = 18
MAX_FIELDS = 16
CHARSETS = frozenset({b"utf-8", b"us-ascii", b"iso-8859-1"})
"""Of the texts in a form; Java's clients name the last. Others take minutes for a megabyte or make lone surrogates."""


@dataclass(frozen=True)
class BodyLimits:
    """Byte limits of a request.

    Attributes:
        max_image_bytes: Largest picture file.
        max_request_bytes: Largest body.
    """

    max_image_bytes: int
    max_request_bytes: int


@dataclass(frozen=True)
class Form:
    """A parsed body.

    Attributes:
        payloads: The picture files in order.
        fields: The other fields, each with its last value.
    """

    payloads: list[bytes]
    fields: dict[str, str] = field(default_factory=dict)


class _InMemoryParser(MultiPartParser):
    """Starlette's parser, but files stay in memory; the body limit bounds their size."""

    spool_max_size = 2**62


async def read_single(request: Request, limits: BodyLimits) -> Form:
    """Read one picture: the multipart field `file`, or the whole body of any other media type.

    Raises:
        BadPayload: If the body is empty or the form is broken.
        PayloadTooLarge: If a limit is exceeded.
        UnsupportedMedia: If the form is in a charset other than UTF-8, ASCII or ISO-8859-1.
        InvalidRequest: If there is not exactly one `file`.
    """
    if not _is_form(request):
        return Form([await _read_raw(request, limits)])
    form = await _read_form(request, limits, "file", max_files=1)
    check_size(form.payloads[0], limits)
    return form


async def read_many(request: Request, limits: BodyLimits, max_files: int) -> Form:
    """Read several pictures from the multipart field `files`. Their sizes are not checked: each has its own slot.

    Raises:
        BadPayload: If the form is broken.
        PayloadTooLarge: If the body is too large or there are too many files.
        UnsupportedMedia: If the body is no multipart form, or in a charset other than UTF-8, ASCII or ISO-8859-1.
        InvalidRequest: If there is no `files`.
    """
    if not _is_form(request):
        raise UnsupportedMedia("Send a multipart/form-data body with one or more pictures in the field 'files'.")
    return await _read_form(request, limits, "files", max_files)


def check_size(payload: bytes, limits: BodyLimits) -> None:
    """Refuse a picture file that is too large.

    Raises:
        PayloadTooLarge: If it is.
    """
    if len(payload) > limits.max_image_bytes:
        raise PayloadTooLarge(f"The file has {len(payload):,} bytes; at most {limits.max_image_bytes:,} are read.")


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").lower().startswith(FORM)


async def _read_raw(request: Request, limits: BodyLimits) -> bytes:
    buffer = io.BytesIO()  # Its value is taken out without a copy.
    async for part in _bounded(request, min(limits.max_image_bytes, limits.max_request_bytes)):
        buffer.write(part)
    payload = buffer.getvalue()
    if not payload:
        raise BadPayload("The body is empty: send a picture, or a multipart form with the field 'file'.")
    return payload


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


async def _read_form(request: Request, limits: BodyLimits, name: str, max_files: int) -> Form:
    headers = Headers(raw=request.headers.raw)
    _, options = parse_options_header(headers["content-type"])
    if options.get(b"charset", b"utf-8").lower() not in CHARSETS:
        raise UnsupportedMedia("A multipart form must be in UTF-8, ASCII or ISO-8859-1: leave its charset away.")
    stream = _bounded(request, limits.max_request_bytes)
    parser = _InMemoryParser(headers, stream, max_files=max_files, max_fields=MAX_FIELDS)
    try:
        parsed = await parser.parse()
    except MultiPartException as error:
        if error.message.startswith("Too many files"):
            most = "one file is" if max_files == 1 else f"{max_files} files are"
            raise PayloadTooLarge(
                f"At most {most} read in one request; options are fields without a filename."
            ) from error
        raise BadPayload(f"The multipart form is broken: {error.message}") from error
    except (KeyError, UnicodeDecodeError, ValueError) as error:
        raise BadPayload("The multipart form is broken: its header or a field cannot be read.") from error
    try:
        return await _sort_fields(parsed, name)
    finally:
        await parsed.close()


async def _sort_fields(parsed: FormData, name: str) -> Form:
    payloads: list[bytes] = []
    fields: dict[str, str] = {}
    for key, value in parsed.multi_items():
        if isinstance(value, UploadFile):
            if key != name:
                raise InvalidRequest(f"Unknown file field {key!r}: pictures go into {name!r}.")
            payloads.append(await value.read())
            await value.close()  # Its buffer would be a second copy.
        elif key == name:
            raise InvalidRequest(f"The field {name!r} must be a file, not text.")
        else:
            fields[key] = value
    if not payloads:
        raise InvalidRequest(f"The form has no file in the field {name!r}.")
    return Form(payloads, fields)
