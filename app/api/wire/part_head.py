"""The headers of one part of a multipart form (RFC 7578, section 4)."""

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from app.errors import BadPayload, UnsupportedMedia

MAX_HEADERS = 16
MAX_FILENAME_CHARACTERS = 255
"""Of a name that is sent back; file systems allow no more."""

PLAIN_CODINGS = frozenset({b"", b"7bit", b"8bit", b"binary", b"identity"})
"""Of Content-Transfer-Encoding and Content-Encoding: these leave the bytes as they are."""

BARE_LINE_FEED = "The lines of the form end with a bare line feed; HTTP wants carriage return and line feed (RFC 2046)."

_FOLD = re.compile(rb"\r\n[ \t]+")
_PARAMETER = re.compile(rb';\s*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;"]*))[^;]*', re.DOTALL)
_ESCAPED = re.compile(rb'\\(["\\])')
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class PartHead:
    """What a part says of itself.

    Attributes:
        name: The field's name.
        filename: The last component of the file's name; None if there is none, "" where a browser sent an empty one.
    """

    name: str
    filename: str | None = None


def parse_head(block: bytes) -> PartHead:
    """Read the headers of a part.

    Args:
        block: Whole lines, each with its end, without the empty one.

    Raises:
        BadPayload: If it cannot be read, or has no name.
        UnsupportedMedia: If the part is coded, as with base64.
    """
    headers = _headers_of(block)
    for name in (b"content-transfer-encoding", b"content-encoding"):
        coding = headers.get(name, b"").strip().lower()
        if coding not in PLAIN_CODINGS:
            shown = coding[:32].decode("ascii", "replace")
            raise UnsupportedMedia(
                f"A part of the form has the {name.decode().title()} {shown!r}: send the file's bytes as they are."
            )
    parameters = options_of(headers.get(b"content-disposition", b""))
    if b"name" not in parameters:
        raise BadPayload("A part of the form has no Content-Disposition with a name.")
    return PartHead(_text(parameters[b"name"]), _filename(parameters))


def options_of(value: bytes) -> dict[bytes, bytes]:
    """Return the parameters of a header such as `form-data; name="file"`, in lower case; of equal ones the first."""
    found: dict[bytes, bytes] = {}
    at = value.find(b";")
    while at >= 0 and (match := _PARAMETER.match(value, at)):
        name, quoted, bare = match.groups()
        plain = bare.strip() if quoted is None else _ESCAPED.sub(rb"\1", quoted)
        found.setdefault(name.lower(), plain)
        at = match.end()
    return found


def _headers_of(block: bytes) -> dict[bytes, bytes]:
    lines = _FOLD.sub(b" ", block).split(b"\r\n", MAX_HEADERS + 1)
    if len(lines) > MAX_HEADERS + 1:  # the last one is empty
        raise BadPayload(f"A part of the form has more than {MAX_HEADERS} headers.")
    headers: dict[bytes, bytes] = {}
    for line in filter(None, lines):
        name, colon, value = line.partition(b":")
        if b"\n" in line:
            raise BadPayload(BARE_LINE_FEED)
        if not colon:
            raise BadPayload("The header of a part of the form cannot be read: it has no colon.")
        headers.setdefault(name.strip().lower(), value)
    return headers


def _filename(parameters: dict[bytes, bytes]) -> str | None:
    """Return the file's name; `filename*` (RFC 5987) wins, some clients send only this."""
    extended = parameters.get(b"filename*", b"").split(b"'", 2)
    if len(extended) == 3:
        charset = "iso-8859-1" if extended[0].lower() == b"iso-8859-1" else "utf-8"
        name = unquote_to_bytes(extended[2]).decode(charset, "replace")
    elif b"filename" in parameters:
        name = _text(parameters[b"filename"])
    else:
        return "file" if b"filename*" in parameters else None
    return _CONTROL.sub("", re.split(r"[/\\]", name)[-1])[:MAX_FILENAME_CHARACTERS]


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("iso-8859-1")
