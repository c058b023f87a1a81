"""What the head of a request may hold, and what it may offer. All of it is refused before anything walks it."""

from collections.abc import Sequence

from app.errors import HeadersTooLarge, MalformedRequest, MienError, UriTooLong

MAX_HEAD_BYTES, MAX_HEADERS = 65_536, 128
"""Of a request, its line included; as many as h11, Uvicorn's other parser, and the WebSocket library read."""

MAX_TARGET_BYTES = MAX_VALUE_BYTES = 8_192
"""Of what is asked for, its query included, and of one header; the WebSocket library's and nginx's limit of a line."""

MAX_QUERY_NAMES, MAX_PARTS = 64, 256
"""Of a query, and of one header, which commas and semicolons part: each of them costs some lines of Python."""

OFFERS = frozenset({b"upgrade", b"http2-settings"})
"""Headers, and words in the header Connection, that offer another protocol: RFC 7540, section 3.2, is the last one."""

HeaderList = Sequence[tuple[bytes, bytes]]


def fault_of_target(target: bytes) -> MienError | None:
    """Return why what is asked for is refused, if it is."""
    if len(target) > MAX_TARGET_BYTES:
        return UriTooLong(f"The path and the query are longer than {MAX_TARGET_BYTES:,} bytes.")
    if target.count(b"&") >= MAX_QUERY_NAMES:
        return UriTooLong(f"The query has more than {MAX_QUERY_NAMES} names.")
    return None


def fault_of_value(value: bytes) -> MienError | None:
    """Return why a header with this value is refused, if it is."""
    if len(value) > MAX_VALUE_BYTES:
        return HeadersTooLarge(f"A header is longer than {MAX_VALUE_BYTES:,} bytes: send less, such as fewer cookies.")
    if value.count(b",") + value.count(b";") >= MAX_PARTS:
        return HeadersTooLarge(f"A header has more than {MAX_PARTS} parts.")
    return None


def fault_of_size(size_bytes: int, headers: int) -> MienError | None:
    """Return why a head of this size is refused, if it is."""
    if size_bytes <= MAX_HEAD_BYTES and headers <= MAX_HEADERS:
        return None
    return HeadersTooLarge(
        f"The request's line and headers are longer than {MAX_HEAD_BYTES:,} bytes, or more than {MAX_HEADERS}: "
        "send fewer, such as fewer cookies."
    )


def fault_of_hosts(headers: HeaderList, http_version: str) -> MienError | None:
    """Return why the host is refused, if it is: RFC 9112, section 3.2, wants exactly one from HTTP/1.1 on."""
    hosts = sum(name == b"host" for name, _ in headers)
    if hosts == 1 or (hosts == 0 and http_version == "1.0"):
        return None
    return MalformedRequest(f"The request has {hosts} headers Host; send one.")


def asks_for_websocket(headers: HeaderList) -> bool:
    """Whether the request asks to open a stream; this must be what Uvicorn decides, which looks at the last ones."""
    last = dict(headers)
    words = {each.strip().lower() for each in last.get(b"connection", b"").split(b",")}
    return b"upgrade" in words and last.get(b"upgrade", b"").lower() == b"websocket"


def without_offer(method: bytes, target: bytes, http_version: str, headers: HeaderList) -> bytes:
    """Write a request's head anew without its offer to go on in another protocol."""
    lines = [b"%s %s HTTP/%s" % (method, target, http_version.encode())]
    for name, value in headers:
        if name == b"connection":
            words = [each for each in value.split(b",") if each.strip().lower() not in OFFERS]
            lines += [name + b": " + b",".join(words)] if words else []
        elif name not in OFFERS:
            lines.append(name + b": " + value)
    return b"\r\n".join(lines) + b"\r\n\r\n"
