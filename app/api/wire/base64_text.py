"""A picture as base64, decoded as it arrives."""

import binascii
import io
import json
import re

from app.api.wire.mistakes import FETCHES_NOTHING
from app.api.wire.uploads import Upload, too_large_file
from app.errors import BadPayload, InvalidRequest, MienError

MAX_PREFIX_CHARACTERS = 256
"""Of a data: address (RFC 2397), up to the comma."""

_ESCAPE_CHARACTERS = 6
_SCHEME = re.compile(rb"[a-z][a-z0-9+.-]{0,15}:", re.IGNORECASE)
_DATA = re.compile(rb"data:[^,]{0,%d};base64," % MAX_PREFIX_CHARACTERS, re.IGNORECASE)
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_SPACES = b" \t\r\n"
_INNER_SPACE = re.compile(rb"[^\s] +[^\s]")


class Base64Text:
    """Decodes one text: base64 or its form for addresses, wrapped or not, padded or not, or a data: address with it.

    Args:
        max_bytes: Most bytes to decode.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes, self._decoded = max_bytes, io.BytesIO()
        self._escaped = self._rest = b""
        self._prefix: bytes | None = b""  # collected until it is known whether it is one
        self._is_padded = False
        self._line_end = b""  # of what came so far: a letter and a space behind it, as far as there are
        self._fault: MienError | None = None

    def write_json(self, piece: bytes) -> None:
        """Take a piece of the text as it stands in JSON, between its quotation marks."""
        if self._fault is None:
            piece, self._escaped = self._escaped + piece, b""
            begun = piece.rfind(b"\\", max(0, len(piece) - _ESCAPE_CHARACTERS))
            if begun >= 0:  # the rest of the escape may be in the next piece
                piece, self._escaped = piece[:begun], piece[begun:]
            self._unescape(piece)

    def write(self, piece: bytes) -> None:
        """Take a piece of the plain text."""
        if self._fault is not None:
            return
        try:
            if self._prefix is None:
                self._decode(piece)
            else:
                self._read_prefix(piece)
        except MienError as error:
            self._fault = error

    def finish(self) -> Upload:
        """Return the picture, or why there is none."""
        escaped, self._escaped = self._escaped, b""
        self._unescape(escaped)
        if self._fault is None:
            try:
                self._begin(whole=True)
                self._decode_block(self._rest + b"=" * (-len(self._rest) % 4))
            except MienError as error:
                self._fault = error
        return Upload(b"" if self._fault else self._decoded.getvalue(), fault=self._fault)

    def _unescape(self, piece: bytes) -> None:
        if b"\\" not in piece:
            self.write(piece)
            return
        try:
            text: str = json.loads(b'"%s"' % piece)
            self.write(text.encode("ascii"))
        except ValueError:
            self._fault = self._fault or _not_base64()

    def _read_prefix(self, piece: bytes) -> None:
        self._prefix = (self._prefix or b"") + piece
        self._begin(whole=False)

    def _begin(self, *, whole: bool) -> None:
        """Strip the prefix of a data: address once there is enough of the text to see it."""
        begun = self._prefix
        if begun is None or (len(begun) < MAX_PREFIX_CHARACTERS and not whole):
            return
        self._prefix, begun = None, begun.lstrip(_SPACES)
        if match := _DATA.match(begun):
            begun = begun[match.end() :]
        elif begun[:5].lower() == b"data:":
            raise BadPayload("A data: address must hold base64, as data:image/jpeg;base64,...")
        elif _SCHEME.match(begun):
            raise InvalidRequest(FETCHES_NOTHING)
        self._decode(begun)

    def _decode(self, piece: bytes) -> None:
        self._refuse_spaces(self._line_end + piece)
        piece = self._rest + piece.translate(_URL_SAFE, _SPACES)
        end = len(piece) - len(piece) % 4
        self._rest = piece[end:]
        self._decode_block(piece[:end])

    def _refuse_spaces(self, text: bytes) -> None:
        """Refuse spaces within a line, which were plus signs: to leave them out would shift all bits behind them."""
        if b" " in text and _INNER_SPACE.search(text):
            raise BadPayload(
                "The base64 text has spaces within its lines: plus signs, which some step took for URL-encoded text. "
                "Send them as they are, or use URL-safe base64."
            )
        letters = text.rstrip(b" ")
        self._line_end = b"" if letters[-1:].isspace() else letters[-1:] + text[len(letters) :][:1]

    def _decode_block(self, block: bytes) -> None:
        """Decode whole groups of four characters; only the last group of a text may be padded."""
        if not block:
            return
        if self._is_padded:
            raise _not_base64()
        self._is_padded = block.endswith(b"=")
        try:
            self._decoded.write(binascii.a2b_base64(block, strict_mode=True))
        except binascii.Error as error:
            raise _not_base64() from error
        if self._decoded.tell() > self._max_bytes:
            raise too_large_file(f"more than {self._max_bytes:,}", self._max_bytes)


def _not_base64() -> BadPayload:
    return BadPayload("The picture is not base64 text.")
