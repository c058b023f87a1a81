"""Pictures and options of a multipart form."""

import asyncio
import re

from app.api.wire.multipart import MultipartParser, Sink
from app.api.wire.part_head import PartHead, options_of
from app.api.wire.uploads import Body, Upload, too_large_file
from app.errors import BadPayload, InvalidRequest, PayloadTooLarge, UnsupportedMedia
from app.plural import counted

CHARSETS = frozenset({b"utf-8", b"us-ascii", b"iso-8859-1"})
"""Of the texts in a form; Java's clients name the last. Others take minutes for a megabyte or make lone surrogates."""

MAX_FIELDS, MAX_FIELD_BYTES = 32, 1_048_576
"""Options and what frameworks add, such as tokens and the state of a page."""

SMALL_BYTES = 4_096
"""Pieces below it are put together at once, larger ones when the form is complete: growing a buffer costs more."""

_ADDRESS = re.compile(rb"(?:https?|ftp|file):", re.IGNORECASE)
_INDEX = re.compile(r"\[\d{0,9}\]\Z")


class FormReader:
    """Collects the pictures and the fields of one form.

    Args:
        content_type: The request's.
        name: The field of the pictures; `name[]` and `name[0]`, as PHP and axios write it, are the same.
        max_files: Most pictures.
        max_file_bytes: Largest picture; of a larger one nothing is kept.

    Raises:
        UnsupportedMedia: If the form is in a charset other than UTF-8, ASCII or ISO-8859-1.
        BadPayload: If it names no boundary.
    """

    def __init__(self, content_type: str, name: str, max_files: int, max_file_bytes: int) -> None:
        options = options_of(content_type.encode("iso-8859-1"))
        if options.get(b"charset", b"utf-8").lower() not in CHARSETS:
            raise UnsupportedMedia("A multipart form must be in UTF-8, ASCII or ISO-8859-1: leave its charset away.")
        self._name, self._max_files, self._max_file_bytes = name, max_files, max_file_bytes
        self._files: list[_File] = []
        self._fields: list[tuple[str, bytearray]] = []
        self._parser = MultipartParser(options.get(b"boundary", b""), self._begin)
        self.feed = self._parser.feed

    async def finish(self) -> Body:
        """Return what was in the form; others have their turn after each file.

        Raises:
            BadPayload: If the form is not complete.
        """
        self._parser.finish()
        fields = {name: _text(value) for name, value in self._fields}
        uploads = []
        for file in self._files:
            uploads.append(self._upload(file))
            await asyncio.sleep(0)
        return Body(uploads, fields)

    def _begin(self, head: PartHead) -> Sink:
        if _INDEX.sub("", head.name) == self._name:
            return self._begin_file(head)
        if head.filename:
            raise InvalidRequest(f"Unknown file field {head.name[:64]!r}: pictures go into {self._name!r}.")
        if head.filename is not None:
            return len  # the browser's way of saying that no file was chosen there
        if len(self._fields) == MAX_FIELDS:
            raise BadPayload(f"The form has more than {MAX_FIELDS} fields besides its files.")
        value = bytearray()
        self._fields.append((head.name, value))

        def extend(piece: bytes) -> None:
            if len(value) + len(piece) > MAX_FIELD_BYTES:
                raise BadPayload(f"The field {head.name[:64]!r} is longer than {MAX_FIELD_BYTES:,} bytes.")
            value.extend(piece)

        return extend

    def _begin_file(self, head: PartHead) -> Sink:
        first = self._files[0].head.name if self._files else head.name
        if _way_of(head.name) != _way_of(first):
            raise InvalidRequest(
                f"The files are named in two ways, {first!r} and {head.name!r}, so that their order is unclear: "
                f"name them all {self._name!r}, or all {self._name + '[]'!r}, or all {self._name + '[0]'!r} and so on."
            )
        if len(self._files) == self._max_files:
            several = " Several go to /detect/batch, in the field 'files'." if self._max_files == 1 else ""
            raise PayloadTooLarge(f"A request has at most {counted(self._max_files, 'file')}.{several}")
        file = _File(head, self._max_file_bytes)
        self._files.append(file)
        return file.add

    def _upload(self, file: "_File") -> Upload:
        name = file.head.filename or None
        if file.size > self._max_file_bytes:
            return Upload(b"", name, too_large_file(f"{file.size:,}", self._max_file_bytes))
        payload = b"".join(file.content)
        file.content.clear()
        if file.head.filename is None and _ADDRESS.match(payload):
            wanted = f"The field {self._name!r} holds an address: send the picture's own bytes there."
            return Upload(b"", fault=InvalidRequest(wanted))
        return Upload(payload, name)


class _File:
    """A picture that is arriving."""

    def __init__(self, head: PartHead, most: int) -> None:
        self.head, self._most = head, most
        self.size, self.content = 0, list[bytes]()

    def add(self, piece: bytes) -> None:
        self.size += len(piece)
        if self.size > self._most:
            self.content.clear()
        elif self.content and len(self.content[-1]) < SMALL_BYTES:  # many tiny pieces would take far more memory
            self.content[-1] += piece
        else:
            self.content.append(piece)


def _way_of(name: str) -> str:
    """Return how a field is named: plainly, with [], or with a number."""
    found = _INDEX.search(name)
    return "" if found is None else "[]" if found[0] == "[]" else "[0]"


def _text(value: bytearray) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("iso-8859-1")
