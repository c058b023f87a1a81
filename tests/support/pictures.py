"""Pictures that are made, and their bytes."""

import io

import numpy as np
from PIL import Image as Pillow

from app.pictures.types import Image


def encode(image: Image | Pillow.Image, fmt: str = "PNG", **options: object) -> bytes:
    picture = image if isinstance(image, Pillow.Image) else Pillow.fromarray(image)
    buffer = io.BytesIO()
    picture.save(buffer, fmt, **options)
    return buffer.getvalue()


def gradient(width: int = 64, height: int = 48, seed: int = 0) -> Image:
    """Return a smooth coloured picture: it survives lossy formats nearly unchanged."""
    x = np.linspace(0, 200, width)[None, :, None]
    y = np.linspace(0, 50, height)[:, None, None]
    tint = np.random.default_rng(seed).integers(0, 6, 3)[None, None, :]
    return (x + y + tint).clip(0, 255).astype(np.uint8)
