"""Gives memory back to the system that the C library keeps for later."""

import ctypes
from functools import cache
from typing import Any


def give_back_memory() -> None:
    """Give back what is free; no effect with a C library other than GNU's."""
    if (trim := _trim()) is not None:
        trim(0)


@cache
def _trim() -> Any:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return None
