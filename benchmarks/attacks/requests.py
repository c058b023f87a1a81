"""Attacks by what stands in the head of a request: path, query, headers."""

from websockets.frames import Opcode

from benchmarks.attacks.catalogue import attack
from benchmarks.attacks.target import Client, Connection, Done, Target, flood, upgrade

FORTY = 40
"""As many as there are worker threads for code that blocks; such code may not be needed for any answer."""

LIMIT_BYTES, HEAD_BYTES = 8_192, 60_000
"""The longest target and value that are read, and what nearly fills a whole head."""

KNOWN_NETWORKS = 65_536


def get(target: bytes, *headers: bytes) -> bytes:
    """Return a GET."""
    return b"\r\n".join((b"GET " + target + b" HTTP/1.1", b"Host: 127.0.0.1", *headers, b"", b""))


@attack(1)
def long_paths(target: Target) -> list[Client]:
    """40 clients ask for /web/a/a/a of 60 kB, or of the 8 kB that are read."""
    longest, allowed = (b"/web" + b"/a" * ((size - 10) // 2) for size in (HEAD_BYTES, LIMIT_BYTES))
    return flood(target, [get(longest), get(allowed)], FORTY)


@attack(1)
def file_ranges(target: Target) -> list[Client]:
    """40 clients ask for a hundred ranges of a file of the page."""
    ranges = b"Range: bytes=" + b",".join(b"%d-%d" % (start, start + 9_000) for start in range(100))
    return flood(target, [get(b"/web/swagger-ui/swagger-ui-bundle.js", ranges)], FORTY)


@attack(2)
def query_names(target: Target) -> list[Client]:
    """40 clients ask for /livez?a&a&a of 60 kB, or with the 64 names that are read."""
    many = b"/livez?" + b"a&" * (HEAD_BYTES // 2)
    allowed = b"/models?" + b"&".join(b"%" + b"61" * 50 + b"%d=1" % number for number in range(64))
    return flood(target, [get(many), get(allowed)], FORTY)


@attack(2)
def header_parts(target: Target) -> list[Client]:
    """40 clients send semicolons and commas in headers, 60 kB of them or the 255 that are read."""
    post = b"POST /detect HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n"
    values = [b";" * HEAD_BYTES, (b"a=b" * 10 + b";") * 255, (b"a" * 30 + b",") * 255]
    names = [b"Content-Type: multipart/form-data", b"Content-Type: multipart/form-data;", b"Connection: "]
    requests = [post + name + value + b"\r\n\r\n" for name, value in zip(names, values, strict=True)]
    many = b"".join(b"X-%d: " % number + b"a," * 240 + b"\r\n" for number in range(120))
    return flood(target, [*requests, post + many + b"\r\n"], FORTY)


@attack(2)
def descriptions(target: Target) -> list[Client]:
    """40 clients ask for /openapi.json, as fast as it comes."""
    return flood(target, [get(b"/openapi.json")], FORTY)


@attack(16, settings={"MIEN_RATE_LIMIT": "1000/second", "MIEN_TRUSTED_PROXIES": "127.0.0.2"})
def many_networks(target: Target) -> list[Client]:
    """A proxy passes on requests of 65,536 IPv6 networks, one each, to a server that counts rates."""

    def client(first: int) -> Client:
        async def ask() -> None:
            async with await target.open() as connection:
                for number in range(first, KNOWN_NETWORKS, FORTY):
                    connection.writer.write(get(b"/", b"X-Forwarded-For: 2001:db8:%x:1::1" % number))
                    status = await connection.answer()
                    target.seen[str(status)] += 1

        return ask

    return [client(first) for first in range(FORTY)]


@attack(17, settings={"MIEN_API_KEYS": "honest,attacks"}, least_s=20.0)
def odd_requests(target: Target) -> list[Client]:
    """What must be answered, and how: half-closed, no Host or two, a space behind a key, a slash too many."""
    body = b"Content-Length: 2\r\n\r\nno"
    key, host = b"X-API-Key: attacks\r\n", b"Host: 127.0.0.1\r\n"
    questions = {
        "half-closed": (b"POST /detect HTTP/1.1\r\n" + host + key + body, 415, True),
        "without Host: 400": (b"GET /livez HTTP/1.1\r\n\r\n", 400, False),
        "two Hosts: 400": (get(b"/livez", b"Host: 127.0.0.1"), 400, False),
        "HTTP/0.9: 400": (b"GET /livez\r\n\r\n", 400, False),
        "a space behind the key": (b"POST /detect HTTP/1.1\r\n" + host + b"X-API-Key: attacks \r\n" + body, 415, False),
        "a slash too many": (b"POST /detect/ HTTP/1.1\r\n" + host + key + body, 415, False),
    }

    def client(kind: str) -> Client:
        async def ask() -> None:
            request, expected, half_close = questions[kind]
            for _ in range(100):
                async with await target.open() as connection:
                    connection.writer.write(request)
                    if half_close:
                        connection.writer.write_eof()
                    try:
                        status = await connection.answer()
                    except OSError:
                        status = 0
                    target.tried(kind, status == expected)
            raise Done

        return ask

    return [client(kind) for kind in questions]


@attack(17)
def own_and_foreign_pages(target: Target) -> list[Client]:
    """Pages elsewhere try to ask and to stream: a Host that is not the server's, an https Origin, an extension's."""
    host = b"127.0.0.1:%d" % target.port
    heads = {
        "a foreign Host: refused": get(b"/models").replace(b"127.0.0.1", b"evil.example"),
        "a foreign Origin: refused": upgrade(host, b"http://evil.example"),
        "https for http: refused": upgrade(host, b"https://" + host),
        "an extension: refused": upgrade(host, b"chrome-extension://" + host),
        "its own page: streams": upgrade(host, b"http://" + host),
    }

    def client(kind: str) -> Client:
        async def ask() -> None:
            for _ in range(20):
                async with await target.open() as connection:
                    connection.writer.write(heads[kind])
                    target.tried(kind, await _is_refused(connection) == kind.endswith("refused"))
            raise Done

        return ask

    return [client(kind) for kind in heads]


async def _is_refused(connection: Connection) -> bool:
    """Whether the answer is an error, or a stream that is closed before its first message."""
    head = await connection.reader.readuntil(b"\r\n\r\n")
    if head.startswith(b"HTTP/1.1 101"):
        return (await connection.reader.readexactly(1))[0] & 0xF == Opcode.CLOSE
    return not head.startswith(b"HTTP/1.1 2")
