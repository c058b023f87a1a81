"""A multipart form, taken apart as it arrives (RFC 2046, section 5.1); no I/O.

It looks for boundaries with `bytes.find` alone, and all that takes lines of Python is bounded: headers of a part, and
boundaries that turn out to be none. Whoever starts parts bounds their number.
"""

import re
from collections.abc import Callable

from app.api.wire.part_head import BARE_LINE_FEED, PartHead, parse_head
from app.errors import BadPayload

MAX_BOUNDARY_BYTES = 200
"""RFC 2046 allows 70; some clients send more."""

MAX_HEAD_BYTES, MAX_PREAMBLE_BYTES = 8_192, 65_536
MAX_FALSE_BOUNDARIES = 100
"""Lines that begin with the boundary and go on. RFC 2046 forbids them in a part, so senders choose another boundary."""

Sink = Callable[[bytes], object]
"""Takes a part's content, piece by piece."""

_LINE_END = re.compile(rb"[ \t]{0,64}\r\n")
_LINE_END_BEGUN = re.compile(rb"-?\Z|[ \t]{0,64}\r?\Z")


class MultipartParser:
    """Finds the parts of one form.

    Args:
        boundary: From the Content-Type.
        begin: Called at each part; returns what takes its content.

    Raises:
        BadPayload: If the boundary is missing or too long.
    """

    def __init__(self, boundary: bytes, begin: Callable[[PartHead], Sink]) -> None:
        if not 0 < len(boundary) <= MAX_BOUNDARY_BYTES:
            raise BadPayload(f"The form's Content-Type has no boundary, or one above {MAX_BOUNDARY_BYTES} bytes.")
        self._delimiter, self._begin = b"\r\n--" + boundary, begin
        self._buffer, self._at = b"\r\n", 0  # as if a line had ended before: the first boundary needs none
        self._preamble = b""
        self._sink: Sink = self._keep_preamble
        self._step: Callable[[], bool] | None = self._read_content
        self._has_begun = False
        self._false_boundaries = 0

    def feed(self, data: bytes) -> None:
        """Take the next piece of the body; the time this takes is that of searching and copying it.

        Raises:
            MienError: What `parse_head` and `begin` raise; BadPayload if this is no form.
        """
        if self._step is None:
            return  # what follows the last boundary is nobody's
        self._buffer, self._at = self._buffer[self._at :] + data, 0
        while self._step is not None and self._step():
            pass

    def finish(self) -> None:
        """Note the end of the body.

        Raises:
            BadPayload: If the form is not complete.
        """
        if self._step is None:
            return
        if self._has_begun:
            raise BadPayload("The form ends before its last boundary: it was cut off, or that line is missing.")
        if b"\n" + self._delimiter[2:] + b"\n" in self._preamble + self._buffer:
            raise BadPayload(BARE_LINE_FEED)
        raise BadPayload("The form has no line with the boundary that its Content-Type names.")

    def _read_content(self) -> bool:
        """Pass on what lies before the next boundary; return whether to go on with what is there."""
        found = self._buffer.find(self._delimiter, self._at)
        if found < 0:
            self._pass_on(len(self._buffer) - len(self._delimiter) + 1)
            return False
        self._pass_on(found)
        after = found + len(self._delimiter)
        if self._buffer.startswith(b"--", after):
            self._step = None
            return False
        if match := _LINE_END.match(self._buffer, after):
            self._at, self._step, self._has_begun = match.end() - 2, self._read_head, True
            return True
        if _LINE_END_BEGUN.match(self._buffer, after):
            return False
        self._note_false_boundary(after)
        return True

    def _read_head(self) -> bool:
        """Read the headers of a part, from the end of the line before them."""
        end = self._buffer.find(b"\r\n\r\n", self._at, self._at + MAX_HEAD_BYTES)
        if end >= 0:
            self._sink = self._begin(parse_head(self._buffer[self._at + 2 : end + 2]))
            self._at, self._step = end + 4, self._read_content
            return True
        head = self._buffer[self._at : self._at + MAX_HEAD_BYTES]
        if b"\n\n" in head:
            raise BadPayload(BARE_LINE_FEED)
        if len(head) == MAX_HEAD_BYTES:
            raise BadPayload(f"The headers of a part of the form are longer than {MAX_HEAD_BYTES:,} bytes.")
        return False

    def _note_false_boundary(self, after: int) -> None:
        if self._buffer.startswith(b"\n", after):
            raise BadPayload(BARE_LINE_FEED)
        self._false_boundaries += 1
        if self._false_boundaries > MAX_FALSE_BOUNDARIES:
            raise BadPayload("The form's boundary stands in its files again and again: choose another one.")
        self._pass_on(after)

    def _pass_on(self, end: int) -> None:
        """Give the content up to there to the part."""
        if end > self._at:
            self._sink(self._buffer[self._at : end])
            self._at = end

    def _keep_preamble(self, piece: bytes) -> None:
        """Keep what stands before the first boundary, for the sake of a good message."""
        self._preamble += piece
        if len(self._preamble) > MAX_PREAMBLE_BYTES:
            raise BadPayload("The body does not begin with the boundary that its Content-Type names.")
