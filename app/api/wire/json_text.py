"""JSON that holds pictures as base64, taken apart as it arrives.

Python's own reader would hold its lock, and so the event loop, for as long as it takes to read all of it. Here a long
text goes to its decoder piece by piece, and only the rest, which is short, to Python's reader.
"""

import json
import secrets
from typing import Any

from app.api.wire.base64_text import Base64Text
from app.api.wire.mistakes import slip_in
from app.api.wire.uploads import Upload
from app.errors import BadPayload

LONG_BYTES = 256
"""A longer text is decoded as base64; a shorter one is looked at in the end."""

MAX_REST_BYTES, MAX_QUOTES = 65_536, 1_000
"""Of the JSON without its long texts, and of quotation marks in all: each costs some lines of Python."""


class JsonReader:
    """Reads one value.

    Args:
        max_bytes: Most bytes to decode of one text.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._mark = secrets.token_hex(8)  # what stands in the rest for a long text; nobody can send it
        self._rest, self._long_texts = bytearray(), list[Base64Text]()
        self._short: bytearray | None = None  # the text that is being read
        self._long: Base64Text | None = None
        self._is_escaped, self._quotes = False, 0

    def feed(self, data: bytes) -> None:
        """Take the next piece.

        Raises:
            BadPayload: If there is too much besides the pictures.
        """
        at = 0
        while at < len(data):
            at = self._read_rest(data, at) if self._short is None else self._read_text(data, at)

    def finish(self) -> Any:
        """Return the value; its long texts are those that `upload` knows.

        Raises:
            BadPayload: If it is not JSON.
        """
        try:
            return json.loads(self._rest.decode("utf-8-sig"))
        except (ValueError, RecursionError) as error:
            raise BadPayload("The body is not JSON, although its Content-Type says so.") from error

    def upload(self, text: str) -> Upload:
        """Decode one text of the value."""
        if text.startswith(self._mark):
            return self._long_texts[int(text.removeprefix(self._mark))].finish()
        if slip := slip_in(text.encode(errors="replace")):
            return Upload(b"", fault=slip)
        decoder = Base64Text(self._max_bytes)
        decoder.write(text.encode(errors="replace"))
        return decoder.finish()

    def _read_rest(self, data: bytes, at: int) -> int:
        quote = data.find(b'"', at)
        end = len(data) if quote < 0 else quote + 1
        self._keep(data[at:end])
        if quote >= 0:
            self._count_quote()
            self._short, self._is_escaped = bytearray(), False
        return end

    def _read_text(self, data: bytes, at: int) -> int:
        quote = data.find(b'"', at)
        end = len(data) if quote < 0 else quote
        piece = data[at:end]
        backslashes = len(piece) - len(piece.rstrip(b"\\"))
        is_escaped = (backslashes + (self._is_escaped and backslashes == len(piece))) % 2 == 1
        self._write(piece)
        if quote < 0:
            self._is_escaped = is_escaped
            return end
        self._count_quote()
        self._is_escaped = False
        if is_escaped:
            self._write(b'"')
        else:
            self._end_text()
        return quote + 1

    def _write(self, piece: bytes) -> None:
        if self._long is None and self._short is not None:
            self._short += piece
            if len(self._short) <= LONG_BYTES:
                return
            self._long, piece = Base64Text(self._max_bytes), bytes(self._short)
        if self._long is not None:
            self._long.write_json(piece)

    def _end_text(self) -> None:
        if self._long is not None:
            self._keep(b'%s%d"' % (self._mark.encode(), len(self._long_texts)))
            self._long_texts.append(self._long)
        else:
            self._keep(bytes(self._short or b"") + b'"')
        self._short = self._long = None

    def _keep(self, piece: bytes) -> None:
        self._rest += piece
        if len(self._rest) > MAX_REST_BYTES:
            raise BadPayload(f"The JSON has more than {MAX_REST_BYTES:,} bytes besides its pictures.")

    def _count_quote(self) -> None:
        self._quotes += 1
        if self._quotes > MAX_QUOTES:
            raise BadPayload(f"The JSON has more than {MAX_QUOTES:,} quotation marks.")
