"""Networks converted for OpenVINO, cached on disk between starts; a failing cache is not an error."""

import hashlib
import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from app.runtimes.openvino_door import Core, Model, save_model

GRAPH, WEIGHTS, DIGEST = "network.xml", "network.bin", "sha256"

ENTRIES_KEPT = 8
"""Networks in the folder, the latest used: those of four pairs of weights or versions side by side."""

logger = logging.getLogger(__name__)


def cached_model(core: Core, key: str, convert: Callable[[], Model]) -> Model:
    """Return a stored conversion, or convert and store.

    The folder is $XDG_CACHE_HOME/mien, or ~/.cache/mien. If it cannot be used, because it cannot be read or written or
    because others may write to it, a log line says so. A damaged entry is recreated.

    Args:
        core: OpenVINO's reader.
        key: Names everything that the conversion depends on; a valid file name.
        convert: Makes the network.
    """
    try:
        entry = _private_folder() / key
    except (OSError, RuntimeError) as error:
        logger.warning("converted networks are not kept: %s", error)
        return convert()
    try:
        return _read(core, entry)
    except FileNotFoundError:
        logger.info("converting a network for OpenVINO, once for these weights and versions")
    except (OSError, RuntimeError, ValueError) as error:
        logger.warning("a stored network is made anew: %s", error)
    model = convert()
    try:
        _write(model, entry)
    except (OSError, RuntimeError) as error:
        logger.warning("a converted network is not kept: %s", error)
    return model


def _private_folder() -> Path:
    """Make the folder, or check that nobody else can write to it: in /tmp anybody may have created it first.

    Raises:
        OSError: If it cannot be created or others may write to it.
        RuntimeError: If this user has no home folder.

    References:
        XDG Base Directory Specification: $XDG_CACHE_HOME, unless it is relative, else ~/.cache.
    """
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    folder = (named if named.is_absolute() else Path("~/.cache").expanduser()) / "mien"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.name == "posix":
        status = folder.lstat()
        if status.st_uid != os.getuid() or status.st_mode & 0o022:
            raise PermissionError(f"others may write to {folder}")
    return folder


def _read(core: Core, entry: Path) -> Model:
    digest = (entry / DIGEST).read_text()
    graph, weights = (entry / GRAPH).read_bytes(), (entry / WEIGHTS).read_bytes()
    if digest != _digest(graph, weights):
        raise ValueError(f"{entry} is damaged")
    os.utime(entry)  # used just now
    return core.read_model(graph, weights)


def _write(model: Model, entry: Path) -> None:
    """Write an entry completely or not at all: beside it, then renamed. Remove those unused for longest."""
    with tempfile.TemporaryDirectory(dir=entry.parent) as name:
        partial = Path(name) / entry.name
        partial.mkdir()
        save_model(model, partial / GRAPH, compress_to_fp16=False)
        graph, weights = (partial / GRAPH).read_bytes(), (partial / WEIGHTS).read_bytes()
        (partial / DIGEST).write_text(_digest(graph, weights))
        shutil.rmtree(entry, ignore_errors=True)
        partial.rename(entry)
    with suppress(FileNotFoundError):  # another server that starts may write or remove here, too
        latest_first = sorted(entry.parent.iterdir(), key=lambda each: each.stat().st_mtime, reverse=True)
        for old in latest_first[ENTRIES_KEPT:]:
            shutil.rmtree(old, ignore_errors=True)


def _digest(graph: bytes, weights: bytes) -> str:
    return hashlib.sha256(hashlib.sha256(graph).digest() + hashlib.sha256(weights).digest()).hexdigest()
