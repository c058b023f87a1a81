"""Files that a run leaves behind: written whole or not at all, and JSON that is read with a clear error."""

import json
from pathlib import Path
from typing import Any

from training.errors import RunError


def write_payload(payload: bytes, path: Path) -> None:
    """Write whole or not at all, and make the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    partial.write_bytes(payload)
    partial.replace(path)


def read_json(path: Path) -> dict[str, Any]:
    """Return a JSON object.

    Raises:
        RunError: If the file holds none.
    """
    try:
        value = json.loads(path.read_text())
    except ValueError as error:  # of JSON, or of UTF-8
        raise RunError(f"{path} is not JSON ({error}). Restore it or remove it.") from error
    if not isinstance(value, dict):
        raise RunError(f"{path} is not a JSON object. Restore it or remove it.")
    return value


def write_json(value: Any, path: Path) -> None:
    """Write indented JSON, whole or not at all."""
    write_payload((json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode(), path)
