"""Pieces of HTTP requests, forms and WebSocket frames, right and broken, for hypothesis to put together."""

import struct
from dataclasses import dataclass

from hypothesis import strategies as st

from app.transport.counts import LEAST_PART_BYTES, PARTS_FREE
from tests.support.pictures import encode, gradient

PICTURE = encode(gradient(24, 16), "JPEG")
KEY = b"AAAAAAAAAAAAAAAAAAAAAA=="

METHODS = st.sampled_from(
    [b"GET", b"POST", b"HEAD", b"OPTIONS", b"PUT", b"DELETE", b"CONNECT", b"get", b"G\0T", b"", b"P" * 300, b"PRI"]
)
TARGETS = st.sampled_from([
    b"/livez", b"/readyz", b"/", b"/detect", b"/detect/", b"/detect/batch", b"/classify", b"/detect/stream", b"/models",
    b"/nowhere", b"/web/app.js", b"/web/../pyproject.toml", b"/%2e%2e/%00", b"/detect?score_threshold=0.5",
    b"/detect?score_threshold=a&score_threshold=b", b"http://127.0.0.1/livez", b"http://[::1", b"*", b"", b"//",
    b"/%zz",
    b"/\xff\xfe", b"/?" + b"a&" * 63, b"/?" + b"a&" * 64, b"/" + b"a/" * 4_200, b"127.0.0.1:80",
])  # fmt: skip
VERSIONS = st.sampled_from(
    [b" HTTP/1.1"] * 8 + [b" HTTP/1.0", b" HTTP/2.0", b" HTTP/9.9", b" HTTP/1.1 ", b" XTTP/1.1", b""]
)

RIGHT_HEADERS = [
    b"Accept: */*", b"Connection: keep-alive", b"Connection: close", b"Content-Type: image/jpeg", b"X-Request-ID: a-b",
    b"Authorization: Bearer a", b"If-None-Match: *", b"Range: bytes=0-1,3-4", b"Origin: http://evil.example",
    b"Expect: 100-continue", b"Cookie: a=b; c=d",
]  # fmt: skip
ODD_HEADERS = [
    b"Host: b", b"Host:", b"Host: a b", b"no colon", b"Space : a", b" folded: a", b"X: a\r\n folded", b"X: \0",
    b"X: \xff",
    b": no name", b"X: " + b"a" * 9_000, b"X: " + b"," * 300, b"Content-Type: multipart/form-data", b"\tTab: a",
    b"Content-Type: multipart/form-data; boundary=" + b"b" * 300,
    b"Content-Type: multipart/form-data; charset=idna; boundary=x",
    b"Connection: upgrade, http2-settings", b"Upgrade: h2c", b"Upgrade: websocket", b"Expect: 200-ok",
    b"Content-Length: 5",
    b"Content-Length: -1", b"Content-Length: 99999999999999999999", b"Transfer-Encoding: gzip, chunked", b"X\x7f: a",
    b"Transfer-Encoding: identity", b"X-API-Key: \xc3\xa9 ", b"X-Forwarded-For: 1.2.3.4", b"X: a\rY: b", b"X: a\nY: b",
]  # fmt: skip
HEADERS = st.lists(st.sampled_from(RIGHT_HEADERS * 2 + ODD_HEADERS), max_size=5)

PARTS = st.lists(
    st.sampled_from([
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + PICTURE + b"\r\n",
        b'--x\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n' + PICTURE + b"\r\n",
        b'--x\r\nContent-Disposition: form-data; name="score_threshold"\r\n\r\n0.5\r\n',
        b'--x\r\nContent-Disposition: form-data; name="score_threshold"\r\n\r\n\xff\r\n',
        b'--x\r\nContent-Disposition: form-data; name="file\r\n\r\na\r\n', b"--x\r\n\r\n\r\n", b"--x\n\na\n", b"--x",
        b"--xA",
        b"\r\n--xA" * 50, b"--x\r\nno colon\r\n\r\n", b"--x\r\n: a\r\n\r\n\r\n",
        b"--x\r\nContent-Disposition\r\n\r\n\r\n",
        b"--x\r\nContent-Disposition: form-data; name*=utf-8''%ff\r\n\r\na\r\n",
        b"--x\r\n" + b"a: b\r\n" * 40 + b"\r\n\r\n",
        b"--x\r\nContent-Type: text/plain; charset=idna\r\n\r\na\r\n", b"--x--\r\n", b"after", b"\r\n", b"\0",
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="\xff\0"\r\n\r\n\r\n', b"-" * 100,
    ]),
    max_size=6,
)  # fmt: skip
FORMS = st.builds(
    lambda parts, end: b"".join(parts) + end, PARTS, st.sampled_from([b"--x--\r\n", b"--x--", b"--x", b""])
)
PAYLOADS = st.one_of(st.just(PICTURE), st.binary(max_size=60), st.just(PICTURE[:200]), FORMS)

BAD_CHUNKS = [
    b"zz\r\na\r\n", b"-1\r\na\r\n", b"f" * 17 + b"\r\n", b"5\r\nab\r\n", b"1\r\nabc\r\n", b"1;\r\na\r\n",
    b"1;a=\"b\r\n\r\na\r\n",
    b"1 \r\na\r\n", b"\r\n", b"0x1\r\na\r\n", b"0\r\nX: a\r\n\r\n", b"0\r\nContent-Length: 5\r\n\r\n",
    b"0\r\n" + b"T: a\r\n" * 200,
]  # fmt: skip


def chunked(payload, size):
    parts = (payload[start : start + size] for start in range(0, len(payload), size))
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


@dataclass(frozen=True)
class Sent:
    """One request.

    Attributes:
        data: Its bytes.
        is_right: Whether it is whole and legal, so that it must be answered.
        has_no_body: Whether its answer has no body, as to HEAD.
        ends: Whether the connection may end with its answer.
    """

    data: bytes
    is_right: bool = False
    has_no_body: bool = False
    ends: bool = True


@st.composite
def right_requests(draw):
    """Requests that nobody could object to."""
    method, target = draw(st.sampled_from([
        (b"GET", b"/livez"), (b"HEAD", b"/livez"), (b"GET", b"/web/app.js"), (b"GET", b"/nowhere"),
        (b"POST", b"/detect"), (b"POST", b"/nowhere"), (b"POST", b"/detect/batch"), (b"POST", b"/detect/"),
        (b"PUT", b"/models"),
    ]))  # fmt: skip
    lines, body = [method + b" " + target + b" HTTP/1.1", b"Host: 127.0.0.1"], b""
    if method == b"POST":
        payload = draw(PAYLOADS)
        form = draw(st.booleans())
        lines.append(b"Content-Type: " + (b"multipart/form-data; boundary=x" if form else b"image/jpeg"))
        if draw(st.booleans()):
            lines.append(b"Transfer-Encoding: chunked")
            size = draw(st.sampled_from([1, LEAST_PART_BYTES, 100_000]))
            body = chunked(payload[: size * PARTS_FREE], size)  # more parts would be too small: a fault
        else:
            lines.append(b"Content-Length: %d" % len(payload))
            body = payload
    return Sent(b"\r\n".join([*lines, b"", b""]) + body, True, method == b"HEAD", bool(body))


@st.composite
def odd_requests(draw):
    """Requests in which anything may be wrong."""
    method, end_of_line = draw(METHODS), draw(st.sampled_from([b"\r\n"] * 8 + [b"\n", b"\r", b"\r\n\r\n"]))
    lines = [method + b" " + draw(TARGETS) + draw(VERSIONS)]
    lines += [b"Host: 127.0.0.1"] * draw(st.sampled_from([1] * 6 + [0, 2])) + draw(HEADERS)
    if draw(st.booleans()):
        lines.append(b"Content-Type: multipart/form-data; boundary=x")
    payload = draw(PAYLOADS)
    framing = draw(st.sampled_from(["length", "long", "short", "chunked", "bad chunks", "both", "none"]))
    body = payload
    if framing in ("length", "long", "short", "both"):
        lines.append(b"Content-Length: %d" % max(0, len(payload) + {"long": 9, "short": -9}.get(framing, 0)))
    if framing in ("chunked", "bad chunks", "both"):
        lines.append(b"Transfer-Encoding: chunked")
        body = chunked(payload, draw(st.sampled_from([1, 50])))
    if framing == "bad chunks":
        body = b"1\r\na\r\n" * draw(st.integers(0, 3)) + draw(st.sampled_from(BAD_CHUNKS))
    data = end_of_line.join([*lines, b"", b""]) + body
    return Sent(data[: draw(st.integers(1, len(data)))] if draw(st.booleans()) else data, has_no_body=method == b"HEAD")


@st.composite
def upgrades(draw):
    """Requests to open a stream, most of them right."""
    lines = [
        b"GET /detect/stream HTTP/1.1", b"Host: 127.0.0.1", b"Connection: Upgrade", b"Upgrade: websocket",
        b"Sec-WebSocket-Key: " + KEY, b"Sec-WebSocket-Version: 13",
    ]  # fmt: skip
    odd = draw(st.sampled_from([
        None, None, None, None, b"Sec-WebSocket-Key: " + KEY, b"Sec-WebSocket-Version: 99", b"Origin: http://evil.example",
        b"Origin: http://[", b"Sec-WebSocket-Extensions: permessage-deflate; a=\"",
        b"Sec-WebSocket-Protocol: ,mien,,key.\xff",
        b"Sec-WebSocket-Protocol: mien", b"Content-Length: 5", b"Host: b", b"X: \xff",
    ]))  # fmt: skip
    lines += [odd] if odd else []
    if draw(st.integers(0, 9)) == 0:
        del lines[draw(st.integers(0, len(lines) - 1))]
    return Sent(b"\r\n".join([*lines, b"", b""]))


@st.composite
def frames(draw):
    """WebSocket frames, legal and not."""
    texts = [
        b'{"type": "session.update", "annotate": true}', b'{"type": "session.update", "a": 1}', b"{", b"[" * 3_000,
        b"\xff",
        b'"\\ud800"', b"1e999", b"null",
    ]  # fmt: skip
    payload = draw(
        st.one_of(st.sampled_from([PICTURE, *texts, b"", b"\x03\xe8", b"\x00\x01", b"a" * 126]), st.binary(max_size=9))
    )
    first = draw(
        st.sampled_from([0x81, 0x82] * 6 + [0x01, 0x02, 0x00, 0x80, 0x88, 0x89, 0x8A, 0x08, 0x83, 0x8F, 0xC1, 0xF2])
    )
    masked = draw(st.integers(0, 9)) > 0
    announced = draw(st.sampled_from([None] * 9 + [len(payload) + 5, 2**31, 2**63, 2**64 - 1]))
    length = len(payload) if announced is None else announced
    head = bytes((first,))
    if length < 126 and announced is None:
        head += bytes((length | 0x80 * masked,))
    elif length < 65_536:
        head += bytes((126 | 0x80 * masked,)) + struct.pack(">H", length)
    else:
        head += bytes((127 | 0x80 * masked,)) + struct.pack(">Q", length)
    return head + (bytes(4) if masked else b"") + payload
