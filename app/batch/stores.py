"""Pictures in object stores, s3://BUCKET/KEY and gs://BUCKET/KEY, through pyarrow's file systems.

A key is taken as it is, without percent-encoding. Who asks, and where the store is, stand in the environment and the
files that the stores' own tools read; never in an address, which would stand in every row.
"""

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from app.batch.archives import is_archive
from app.errors import InvalidRequest
from app.looking import too_large
from app.names import is_picture

SCHEMES = ("s3://", "gs://")

GOOGLE = "gs://"
BUCKET = re.compile(r"[A-Za-z0-9._-]+")
PUBLIC_BUCKET = re.compile(rf"(anonymous@)?{BUCKET.pattern}")
"""Of Google's: one before which this stands is asked without credentials."""

PATIENCE_S = 60
"""How long Google's client asks again; it would do so for 15 minutes."""

FAULTS = (OSError, ValueError, NotImplementedError)
"""What pyarrow raises: its own errors are among these."""


def is_address(given: str) -> bool:
    """Whether a source is in an object store."""
    return given.startswith(SCHEMES)


class Stores:
    """Object stores, each bucket opened once; may be used by several threads."""

    def __init__(self) -> None:
        self._opened: dict[str, tuple[Any, str]] = {}
        self._lock = threading.Lock()

    def resolved(self, address: str) -> str:
        """Return the address of an object as it is, and that of a folder with a slash at its end.

        Raises:
            InvalidRequest: If there is neither, the store cannot be asked, or it is an archive.
        """
        with _faults_of(address):
            system, path = self._place(address)
        if is_archive(address):
            raise InvalidRequest(f"{address}: archives are not read in object stores; copy it here first.")
        with _faults_of(address):
            kind = system.get_file_info(path.rstrip("/")).type.name
        if kind == "NotFound":
            raise InvalidRequest(f"{address}: no such object or folder; patterns are for files here only.")
        return f"{address.rstrip('/')}/" if kind == "Directory" else address

    def pictures(self, address: str) -> Iterator[str]:
        """Yield an object's address, or those of all pictures in a folder, whose address ends with a slash.

        They come in the order in which those of a folder here do.

        Raises:
            InvalidRequest: If it cannot be listed, or its bucket not be opened: then no other of it can, either.
        """
        with _faults_of(address):
            system, path = self._place(address)
        if not address.endswith("/"):
            yield address
            return
        from pyarrow.fs import FileSelector

        with _faults_of(address):
            inside = system.get_file_info(FileSelector(path.removesuffix("/"), recursive=True))
        names = [each.path[len(path) :] for each in inside if each.type.name == "File" and is_picture(each.path)]
        for name in sorted(names, key=lambda name: name.replace("/", "\0")):
            yield address + name

    def read(self, address: str, max_bytes: int) -> bytes:
        """Read an object.

        Raises:
            PayloadTooLarge: If it has more than `max_bytes`.
            OSError: If it cannot be read.
        """
        try:
            system, path = self._place(address)
            with system.open_input_file(path) as file:
                size = file.size()
                payload: bytes = file.read(size) if size <= max_bytes else b""
        except FAULTS as error:
            raise OSError(0, _why(error)) from error
        if size > max_bytes:
            raise too_large(f"{size:,}", max_bytes)
        return payload

    def _place(self, address: str) -> tuple[Any, str]:
        """Return the file system and the path in it."""
        scheme = next(each for each in SCHEMES if address.startswith(each))
        bucket, _, key = address.removeprefix(scheme).partition("/")
        with self._lock:
            if scheme + bucket not in self._opened:
                self._opened[scheme + bucket] = _bucket(scheme, bucket)
            system, name = self._opened[scheme + bucket]
        return system, f"{name}/{key}"


def _bucket(scheme: str, bucket: str) -> tuple[Any, str]:
    """Open a bucket, and return its file system and its name there.

    Raises:
        InvalidRequest: If pyarrow is missing, or the address has more than a name.
    """
    if not (PUBLIC_BUCKET if scheme == GOOGLE else BUCKET).fullmatch(bucket):
        raise InvalidRequest(f"After {scheme} stands the name of a bucket alone: keys belong into the environment.")
    try:
        from pyarrow.fs import FileSystem
    except ModuleNotFoundError as missing:
        raise InvalidRequest(
            "pyarrow is not installed, which reads object stores: run pip install -e '.[batch]' in Mien's sources."
        ) from missing
    patience = f"?retry_limit_seconds={PATIENCE_S}" if scheme == GOOGLE else ""
    system, name = FileSystem.from_uri(f"{scheme}{bucket}{patience}")
    return system, name


@contextmanager
def _faults_of(address: str) -> Iterator[None]:
    """Make what pyarrow raises an InvalidRequest that names the address."""
    try:
        yield
    except FAULTS as error:
        raise InvalidRequest(f"{address}: {_why(error)}") from error


def _why(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return next(iter(str(error).splitlines()), type(error).__name__)
