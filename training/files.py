"""Files that a run leaves behind: atomic writing, and reading JSON with clear errors."""

import json
from pathlib import Path
from typing import Any

from training.errors import RunError


def write_payload(payload: bytes, path: Path) -> None:
    """Write the file whole or not at all; create its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    partial.write_bytes(payload)
    partial.replace(path)


def read_json(path: Path) -> dict[str, Any]:
    """Return a JSON object.

    Raises:
        RunError: If the file does not hold one.
    """
    try:
        value = json.loads(path.read_text())
    except ValueError as error:  # from JSON, or from UTF-8
        raise RunError(f"{path} is not JSON ({error}). Restore it or remove it.") from error
    if not isinstance(value, dict):
        raise RunError(f"{path} is not a JSON object. Restore it or remove it.")
    return value


def write_json(value: Any, path: Path) -> None:
    """Write indented JSON, whole or not at all."""
    write_payload((json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode(), path)
