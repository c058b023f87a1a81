"""What a body holds, however it was written down."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.api.wire.mistakes import base64_in, slip_in
from app.errors import MienError, PayloadTooLarge


@dataclass(frozen=True)
class BodyLimits:
    """Byte limits of a request.

    Attributes:
        max_image_bytes: Largest picture file.
        max_request_bytes: Largest body, without the third that base64 adds.
        max_json_bytes: Largest body that holds pictures as base64.
    """

    max_image_bytes: int
    max_request_bytes: int
    max_json_bytes: int


@dataclass(frozen=True)
class Upload:
    """One picture file.

    Attributes:
        payload: All of it; empty if there is a fault.
        file: The name that its sender gave it.
        fault: Why it could not be read.
    """

    payload: bytes
    file: str | None = None
    fault: MienError | None = None

    def usable(self, limits: BodyLimits) -> bytes:
        """Return the payload.

        Raises:
            PayloadTooLarge: If it is too large.
            MienError: The fault, or why this can be no picture.
        """
        if self.fault is not None:
            raise self.fault
        if len(self.payload) > limits.max_image_bytes:
            raise too_large_file(f"{len(self.payload):,}", limits.max_image_bytes)
        if slip := slip_in(self.payload) or base64_in(self.payload):
            raise slip
        return self.payload


@dataclass(frozen=True)
class Body:
    """A body that was read.

    Attributes:
        uploads: The picture files in order.
        options: All else that was said, by name: text in a form, values in JSON.
    """

    uploads: list[Upload]
    options: Mapping[str, Any] = field(default_factory=dict)


def too_large_file(size: str, most: int) -> PayloadTooLarge:
    """Say that a picture file is too large.

    Args:
        size: Its size in bytes, in words.
        most: The limit in bytes.
    """
    return PayloadTooLarge(f"The file has {size} bytes; at most {most:,} are read.")
