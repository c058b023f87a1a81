"""Pictures in .zip and .tar files, read where they lie: nothing is unpacked to disk, and what is read is bounded."""

import bz2
import gzip
import lzma
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple, NoReturn

from app.errors import BadPayload, MienError, PayloadTooLarge, UnsupportedMedia
from app.looking import too_large
from app.names import is_picture

MOST_TIMES, AND_BYTES = 100, 100_000_000
"""An archive may hold so many times its own size, and so much more: pictures are compressed already."""

HEADER_BYTES = 1_000_000
"""Most bytes of what a tar says about one member; a path has 4,096 at most."""

ENCRYPTED = 0x1
"""Bit of a zip member's flags (APPNOTE.TXT 4.4.4)."""

END_OF_TAR = bytes(512)
"""A block of zeros (POSIX.1-2017, pax); Python's tarfile takes whatever else it cannot read for the end, too."""

OTHER_THINGS = "._"
"""How macOS names what it keeps beside a picture in an archive."""


class Member(NamedTuple):
    """A picture in an archive, or what is wrong with one.

    Attributes:
        at: Its place in the archive, counted from 0.
        name: As the archive has it; empty if the archive itself is what fails.
        read: Returns its bytes or raises a `MienError` or `OSError`; only until the next member is asked for.
    """

    at: int
    name: str
    read: Callable[[], bytes]


def _zstd(path: Path) -> IO[bytes]:
    try:
        import pyarrow
    except ModuleNotFoundError as missing:
        raise UnsupportedMedia(".tar.zst is read with pyarrow: install the extra batch, or unpack it.") from missing
    opened: IO[bytes] = pyarrow.input_stream(str(path), compression="zstd")
    return opened


OPENED_BY: dict[str, Callable[[Path], Any]] = {
    ".tar": partial(Path.open, mode="rb"),
    ".tar.gz": gzip.open,
    ".tgz": gzip.open,
    ".tar.bz2": bz2.open,
    ".tar.xz": lzma.open,
    ".txz": lzma.open,
    ".tar.zst": _zstd,
}


def is_archive(path: Path | str) -> bool:
    """Whether a file counts as an archive, by its name."""
    return str(path).lower().endswith((".zip", *OPENED_BY))


def members(path: Path, max_bytes: int) -> Iterator[Member]:
    """Yield the pictures in an archive in its order; always the same ones with the same places.

    Links, devices and other things than files are yielded too, and their `read` says what they are. If the archive is
    damaged or holds too much, the last one says so.

    Args:
        path: One for which `is_archive` is true.
        max_bytes: Largest member that is read.
    """
    at = -1
    walk = _in_zip if path.name.lower().endswith(".zip") else _in_tar
    try:
        for at, name, read in walk(path, max_bytes):
            yield Member(at, name, partial(_read, read))
    except Exception as error:  # noqa: BLE001 - damage shows as any of a dozen kinds
        yield Member(at + 1, "", partial(_refuse, _named(error)))


def _in_zip(path: Path, max_bytes: int) -> Iterator[tuple[int, str, Callable[[], bytes]]]:
    with zipfile.ZipFile(path) as archive:
        inside = archive.infolist()
        if sum(each.file_size for each in inside) > _most(path):
            raise _too_much()
        for at, each in enumerate(inside):
            if each.is_dir() or not _counts(each.filename):
                continue
            read: Callable[[], bytes]
            if each.flag_bits & ENCRYPTED:
                read = partial(_refuse, UnsupportedMedia("It is encrypted: unpack the archive with its password."))
            elif each.file_size > max_bytes:
                read = partial(_refuse, too_large(f"{each.file_size:,}", max_bytes))
            else:
                read = partial(_read_zipped, archive, each)
            yield at, each.filename, read


def _read_zipped(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    with archive.open(member) as opened:
        return opened.read(member.file_size + 1)


def _in_tar(path: Path, max_bytes: int) -> Iterator[tuple[int, str, Callable[[], bytes]]]:
    name = path.name.lower()
    opener = OPENED_BY[next(suffix for suffix in OPENED_BY if name.endswith(suffix))]
    with ExitStack() as stack:
        stream = _Bounded(stack.enter_context(opener(path)), _most(path))
        stream.allow(HEADER_BYTES)
        mode = "r:" if name.endswith(".tar") else "r|"
        tar = stack.enter_context(tarfile.open(fileobj=stream, mode=mode))  # type: ignore[call-overload]
        at = -1
        while (member := tar.next()) is not None:
            at += 1
            tar.members.clear()  # a million of them would stay in memory
            stream.allow(member.size + HEADER_BYTES)
            if member.isdir() or (member.isreg() and not _counts(member.name)):
                continue
            read: Callable[[], bytes]
            if not member.isreg():
                what = "link" if member.islnk() or member.issym() else "device or pipe"
                read = partial(_refuse, UnsupportedMedia(f"It is a {what} in an archive, not a file."))
            elif member.size > max_bytes:
                read = partial(_refuse, too_large(f"{member.size:,}", max_bytes))
            else:
                read = partial(_read_tarred, tar, member)
            yield at, member.name, read
        if not stream.last.endswith(END_OF_TAR):
            raise BadPayload("The archive breaks off: its end is missing.")


def _read_tarred(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    opened = tar.extractfile(member)
    return opened.read() if opened else b""


class _Bounded:
    """A file of which only so much can be read: in all, and for each member.

    Args:
        file: Open for reading.
        total: Most bytes in all.

    Attributes:
        last: What was read last.
    """

    def __init__(self, file: IO[bytes], total: int) -> None:
        self._file, self._left, self._left_now = file, total, 0
        self.last = b""

    def allow(self, most: int) -> None:
        """Let so many bytes be read until this is called again."""
        self._left_now = most

    def read(self, size: int) -> bytes:
        if size > min(self._left, self._left_now):
            raise _too_much()
        self.last = payload = self._file.read(size)
        self._left -= len(payload)
        self._left_now -= len(payload)
        return payload

    def seek(self, place: int) -> int:
        return self._file.seek(place)

    def tell(self) -> int:
        return self._file.tell()


def _counts(name: str) -> bool:
    return is_picture(name) and not name.rpartition("/")[2].startswith(OTHER_THINGS)


def _most(path: Path) -> int:
    return MOST_TIMES * path.stat().st_size + AND_BYTES


def _too_much() -> MienError:
    return PayloadTooLarge("The archive holds far more than its size explains, or a member's header is too long.")


def _refuse(error: Exception) -> NoReturn:
    raise error


def _read(read: Callable[[], bytes]) -> bytes:
    try:
        return read()
    except Exception as error:
        raise _named(error) from error


def _named(error: Exception) -> Exception:
    """Return the error that says what is wrong with an archive."""
    if isinstance(error, MienError) or (isinstance(error, OSError) and error.strerror):
        return error
    if isinstance(error, NotImplementedError):
        return UnsupportedMedia(f"The archive is packed in a way that is not read here: {error}.")
    return BadPayload(f"The archive is damaged ({type(error).__name__}: {error}).")
