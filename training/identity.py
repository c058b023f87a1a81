"""What a run was started with, and must be resumed with."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from training.errors import RunError


def check_identity(path: Path, known: Mapping[str, Any], now: Mapping[str, Any], unsaid: Collection[str]) -> None:
    """Refuse to resume a run with anything other than what it was started with.

    Args:
        path: The file that records it.
        known: What is recorded there.
        now: What is requested, by the same names.
        unsaid: Names whose values are too long for a message.

    Raises:
        RunError: If a value of `now` differs.
    """
    for name, value in now.items():
        if known.get(name) != value:
            values = "" if name in unsaid else f" ({known.get(name)} there, {value} now)"
            raise RunError(f"{path} was made with another {name}{values}: use the same or a new folder.")
