"""What one request has sent: counted, so that it can be refused before it costs the others their time."""

from app.errors import MalformedRequest, MienError
from app.transport import head

PARTS_FREE, LEAST_PART_BYTES = 256, 64
"""A body may come in so many parts, whatever their size, and in one more for each so many bytes; a part is a chunk or
what one read brought. Each costs calls into Python: a megabyte in chunks of one byte would cost a million."""


class RequestCounts:
    """The counts of one request: its head, trailers included, and its body.

    Attributes:
        length: Of the body, as announced; 0 if nothing was.
    """

    def __init__(self) -> None:
        self.length = 0
        self._head_bytes = self._body_bytes = self._body_parts = 0
        self._bytes_without_body = 0  # since the request began or the last part of its body

    @property
    def body_left(self) -> int:
        """How many bytes of an announced body are still to come."""
        return self.length - self._body_bytes

    def received(self, size_bytes: int) -> None:
        """Note what comes, before it is parsed."""
        self._bytes_without_body += size_bytes

    def fault_of_framing(self) -> MienError | None:
        """Return why to refuse a head without end, or one that comes with a chunk."""
        return head.fault_of_size(self._bytes_without_body, 0)

    def head_part(self, size_bytes: int, headers: int) -> MienError | None:
        """Note a part of the head; return why it is refused, if it is."""
        self._head_bytes += size_bytes
        return head.fault_of_size(self._head_bytes, headers)

    def body_part(self, size_bytes: int) -> MienError | None:
        """Note a part of the body; return why it is refused, if it is."""
        self._bytes_without_body = 0
        self._body_bytes += size_bytes
        self._body_parts += 1
        if self._body_parts <= PARTS_FREE + self._body_bytes // LEAST_PART_BYTES:
            return None
        return MalformedRequest(f"The body comes in too small parts: send chunks of {LEAST_PART_BYTES} bytes or more.")
