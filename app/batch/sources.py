"""What the user means by sources: one name for each picture, frozen into a file before the first one is looked at."""

import glob
import hashlib
import itertools
import json
import os
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from app.batch.archives import is_archive, members
from app.batch.stores import Stores, is_address
from app.errors import InvalidRequest
from app.names import pictures_of, shown

STANDARD_INPUT = "-"
CHUNK_BYTES = 65_536


class Name(NamedTuple):
    """One picture.

    Attributes:
        path: The file, the archive that holds it, or an address in an object store.
        at: Its place in the archive; None for a file.
        member: Its name in the archive.
    """

    path: str
    at: int | None = None
    member: str = ""

    @property
    def shown(self) -> str:
        """What the rows call it."""
        return shown(f"{self.path}/{self.member}" if self.member else self.path)

    def line(self) -> bytes:
        """Write it as a line of its own, whatever its characters."""
        return json.dumps(self).encode() + b"\n"

    @classmethod
    def of_line(cls, line: bytes) -> "Name":
        """Read what `line` wrote."""
        return cls(*json.loads(line))


class Sources:
    """The sources of one run.

    Args:
        given: Files, folders, patterns, archives, addresses in object stores, lists of all these but patterns (@FILE,
            or .txt) and - for standard input.
        stdin: Standard input.
        max_bytes: Largest member of an archive that is read.

    Raises:
        InvalidRequest: If something is not there, a pattern fits nothing, or an object store cannot be asked.
    """

    def __init__(self, given: Sequence[str], stdin: IO[bytes], max_bytes: int) -> None:
        self._stores, self._max_bytes = Stores(), max_bytes
        self._given = list(
            dict.fromkeys(self._stores.resolved(each) if is_address(each) else _found(each) for each in given)
        )
        self._spool = _spooled(stdin) if STANDARD_INPUT in self._given else None
        if self._spool is not None:
            weakref.finalize(self, self._spool.close)

    def digest(self) -> str:
        """Identify the sources: what was typed, and the state of archives and lists."""
        seen = hashlib.sha256()
        for each in self._given:
            if self._spool is not None and each == STANDARD_INPUT:
                identity = _digest(self._spool)
            elif is_address(each):
                identity = each
            else:
                path = Path(_list_file(each) or each)
                state = path.stat() if path.is_file() and (_list_file(each) or is_archive(path)) else None
                identity = json.dumps([str(path.absolute()), state and [state.st_size, state.st_mtime_ns]])
            seen.update(f"{len(identity)} {identity}".encode())
        return seen.hexdigest()

    def names(self) -> Iterator[Name]:
        """Yield all names in the order of the sources, folders and patterns sorted; an archive is read once only."""
        archives: set[str] = set()
        for given in self._each():
            path = Path(given)
            if is_address(given):
                yield from map(Name, self._stores.pictures(given))
            elif path.is_dir() or not is_archive(path):
                yield from (Name(str(each)) for each in pictures_of([path], recursive=True))
            elif os.path.realpath(path) not in archives:
                archives.add(os.path.realpath(path))
                yield from (Name(str(path), each.at, each.name) for each in members(path, self._max_bytes))

    def _each(self) -> Iterator[str]:
        """Yield what was given, and what lists and patterns mean."""
        for each in self._given:
            listed = _list_file(each)
            if self._spool is not None and each == STANDARD_INPUT:
                self._spool.seek(0)
                yield from _paths_in(self._spool)
            elif listed is not None:
                with Path(listed).open("rb") as file:
                    yield from _paths_in(file)
            elif is_address(each) or os.path.lexists(each):
                yield each
            else:
                matching = sorted(glob.glob(each, recursive=True))  # noqa: PTH207 - absolute patterns, too
                if not matching:
                    raise InvalidRequest(f"{shown(each)}: nothing fits this pattern.")
                yield from matching


def _found(given: str) -> str:
    """Return what was given.

    Raises:
        InvalidRequest: If it is not there.
    """
    if given == STANDARD_INPUT or os.path.lexists(_list_file(given) or given) or _is_pattern(given):
        return given
    raise InvalidRequest(f"{shown(given)}: no such file or folder.")


def _list_file(given: str) -> str | None:
    """Return the list of paths that is meant, if one is."""
    if given.startswith("@"):
        return given[1:]
    return given if given.lower().endswith(".txt") and Path(given).is_file() else None


def _is_pattern(given: str) -> bool:
    return not given.startswith("@") and glob.escape(given) != given


def _spooled(stdin: IO[bytes]) -> IO[bytes]:
    """Keep standard input in a file without a name: it is read twice, and may be large."""
    spool = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the sources
    while chunk := stdin.read(CHUNK_BYTES):
        spool.write(chunk)
    return spool


def _digest(file: IO[bytes]) -> str:
    file.seek(0)
    digest = hashlib.sha256()
    while chunk := file.read(CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()


def _paths_in(file: IO[bytes]) -> Iterator[str]:
    """Yield a list's paths: one a line, or between zero bytes, as `find -print0` writes them."""
    first = file.read(CHUNK_BYTES)
    end = b"\0" if b"\0" in first else b"\n"
    rest: Iterable[bytes] = iter(lambda: file.read(CHUNK_BYTES), b"")
    left = b""
    for chunk in itertools.chain([first], rest):
        *whole, left = (left + chunk).split(end)
        yield from map(os.fsdecode, filter(None, map(_bare, whole)))
    if _bare(left):
        yield os.fsdecode(_bare(left))


def _bare(line: bytes) -> bytes:
    return line.removesuffix(b"\r")
