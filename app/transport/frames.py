"""Where the frames of a WebSocket end in the bytes that arrive, so that they are counted before they are parsed."""

from dataclasses import dataclass

LONG, VERY_LONG = 126, 127
"""Values of the short length that announce a length of 2 or of 8 bytes (RFC 6455, section 5.2)."""

SHORT_HEAD, MASK_BYTES = 2, 4


@dataclass(frozen=True)
class FrameHead:
    """What is told of a frame here.

    Attributes:
        control: Whether it is a ping, a pong or a close.
    """

    control: bool


class FrameWalk:
    """Walks over the frames of one connection, whose bytes arrive in parts.

    References:
        RFC 6455, section 5.2: a frame is two bytes, perhaps a longer length and a mask, then its payload.
    """

    def __init__(self) -> None:
        self._head, self._head_bytes = bytearray(), SHORT_HEAD
        self._frame: FrameHead | None = None  # whose payload is coming
        self._payload_left = 0

    def to_end(self, data: bytes, start: int) -> tuple[int, FrameHead | None]:
        """Walk to the end of the frame in which `start` lies, or of the data.

        Returns:
            Where that is, and the frame, if it ends there.
        """
        while start < len(data) and self._frame is None:
            end = min(len(data), start + self._head_bytes - len(self._head))
            self._head += data[start:end]
            start = end
            if len(self._head) == self._head_bytes:
                self._read_head()
        if self._frame is None:
            return start, None
        end = min(len(data), start + self._payload_left)
        self._payload_left -= end - start
        if self._payload_left:
            return end, None
        ended, self._frame = self._frame, None
        return end, ended

    def _read_head(self) -> None:
        """Find out how long the head is, or, once it is whole, how long the payload is."""
        length, is_masked = self._head[1] & 0x7F, self._head[1] & 0x80
        length_bytes = {LONG: 2, VERY_LONG: 8}.get(length, 0)
        self._head_bytes = SHORT_HEAD + length_bytes + (MASK_BYTES if is_masked else 0)
        if len(self._head) < self._head_bytes:
            return
        longer = int.from_bytes(self._head[SHORT_HEAD : SHORT_HEAD + length_bytes])
        self._payload_left = longer if length_bytes else length
        self._frame = FrameHead(control=bool(self._head[0] & 0x08))
        self._head, self._head_bytes = bytearray(), SHORT_HEAD
