"""An object store that speaks as much of S3 as reading takes, on a free port; its buckets are folders."""

import os
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

FORBIDDEN = "forbidden"
"""What has this in its key is denied."""


class Bucket(BaseHTTPRequestHandler):
    """One request; the root folder is the server's."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        address = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(address.query, keep_blank_values=True).items()}
        bucket, _, key = unquote(address.path).removeprefix("/").partition("/")
        if not (self.server.root / bucket).is_dir():
            self.answer(404, b"<Error><Code>NoSuchBucket</Code></Error>")
        elif FORBIDDEN in key or FORBIDDEN in asked.get("prefix", ""):
            self.answer(403, b"<Error><Code>AccessDenied</Code></Error>")
        elif not key:
            self.answer(200, listing(self.server.keys(bucket), asked))
        elif key not in self.server.keys(bucket):
            self.answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
        else:
            self.give(self.server.keys(bucket)[key])

    do_HEAD = do_GET

    def give(self, payload):
        asked = self.headers.get("Range")
        if asked is None:
            self.answer(200, payload)
            return
        first, last = map(int, asked.removeprefix("bytes=").split("-"))
        part = payload[first : last + 1]
        self.answer(206, part, {"Content-Range": f"bytes {first}-{first + len(part) - 1}/{len(payload)}"})

    def answer(self, status, body, headers=()):
        self.send_response(status)
        for name, value in {"Content-Length": len(body), "Last-Modified": "Sat, 28 Nov 2026 12:00:00 GMT"}.items():
            self.send_header(name, str(value))
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


class Store(ThreadingHTTPServer):
    """The server.

    Args:
        root: Each folder in it is a bucket.
    """

    daemon_threads = True

    def __init__(self, root):
        super().__init__(("127.0.0.1", 0), Bucket)
        self.root, self.more = Path(root), {}

    def keys(self, bucket):
        """Return all objects of a bucket: files, and what no file system can hold (`more`, by keys)."""
        files = [path for path in (self.root / bucket).rglob("*") if path.is_file()]
        return {path.relative_to(self.root / bucket).as_posix(): path.read_bytes() for path in files} | self.more


def listing(keys, asked):
    """Answer ListObjectsV2, on one page."""
    prefix, delimiter = asked.get("prefix", ""), asked.get("delimiter", "")
    objects, folders = {}, {}
    for key, payload in sorted(keys.items()):
        name, cut, _ = key.removeprefix(prefix).partition(delimiter) if delimiter else (key, "", "")
        if key.startswith(prefix):
            (folders if cut else objects)[prefix + name + cut if cut else key] = len(payload)
    contents = "".join(
        f"<Contents><Key>{escape(key)}</Key><Size>{size}</Size><LastModified>2026-11-28T12:00:00.000Z</LastModified>"
        f"</Contents>"
        for key, size in objects.items()
    )
    common = "".join(f"<CommonPrefixes><Prefix>{escape(each)}</Prefix></CommonPrefixes>" for each in folders)
    count = len(objects) + len(folders)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><IsTruncated>false</IsTruncated>'
        f"<KeyCount>{count}</KeyCount>{contents}{common}</ListBucketResult>"
    ).encode()


@contextmanager
def object_store(root):
    """Serve a folder's folders as buckets, and point the environment at them."""
    store = Store(root)
    serving = threading.Thread(target=store.serve_forever, args=(0.05,))
    serving.start()
    environment = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{store.server_port}",
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SECRET_ACCESS_KEY": "a secret",
        "AWS_REGION": "eu-west-1",
    }
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    try:
        yield store
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        store.shutdown()
        serving.join()
        store.server_close()
