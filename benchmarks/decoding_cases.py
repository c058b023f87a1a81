"""The pictures of `benchmarks.decoding`: every format and mode that takes memory of its own."""

import io

import numpy as np
import pillow_heif
from PIL import Image as Pillow

TURNED = Pillow.Exif()
TURNED[0x0112] = 6
QUICK_PNG: dict[str, object] = {"compress_level": 1}
TINY_WEBP: dict[str, object] = {"lossless": True, "quality": 0, "method": 0}

FLAT, THIN, THIN_ROWS = "flat", "thin", 1_000_000
"""A picture of one colour; one with as many rows as are read."""

CASES: dict[str, tuple[str, str, dict[str, object]]] = {
    "JPEG": ("JPEG", "RGB", {}),
    "JPEG, turned": ("JPEG", "RGB", {"exif": TURNED.tobytes()}),
    "JPEG, progressive": ("JPEG", "RGB", {"progressive": True}),
    "JPEG, gray": ("JPEG", "L", {}),
    "JPEG, CMYK": ("JPEG", "CMYK", {}),
    "PNG": ("PNG", "RGB", QUICK_PNG),
    "PNG, turned": ("PNG", "RGB", {**QUICK_PNG, "exif": TURNED.tobytes()}),
    "PNG, gray": ("PNG", "L", QUICK_PNG),
    "PNG, gray, thin": ("PNG", "L", {**QUICK_PNG, THIN: True}),
    "PNG, black and white": ("PNG", "1", QUICK_PNG),
    "PNG, gray, transparent": ("PNG", "LA", QUICK_PNG),
    "PNG, palette": ("PNG", "P", QUICK_PNG),
    "PNG, palette, transparent": ("PNG", "P", {**QUICK_PNG, "transparency": 0}),
    "PNG, transparent": ("PNG", "RGBA", QUICK_PNG),
    "PNG, transparent, turned": ("PNG", "RGBA", {**QUICK_PNG, "exif": TURNED.tobytes()}),
    "PNG, 16 bits": ("PNG", "I;16", QUICK_PNG),
    "WebP": ("WEBP", "RGB", {"method": 0}),
    "WebP, transparent": ("WEBP", "RGBA", {"method": 0}),
    "WebP, one colour": ("WEBP", "RGB", {**TINY_WEBP, FLAT: True}),
    "WebP, one colour, transparent": ("WEBP", "RGBA", {**TINY_WEBP, FLAT: True}),
    "BMP": ("BMP", "RGB", {}),
    "BMP, 32 bits": ("BMP", "RGBA", {}),
    "GIF": ("GIF", "P", {}),
    "GIF, transparent": ("GIF", "P", {"transparency": 0}),
    "TIFF": ("TIFF", "RGB", {}),
    "TIFF, deflated": ("TIFF", "RGB", {"compression": "tiff_adobe_deflate"}),
    "TIFF, transparent": ("TIFF", "RGBA", {"compression": "tiff_adobe_deflate"}),
    "TIFF, 16 bits": ("TIFF", "I;16", {"compression": "tiff_adobe_deflate"}),
    "TIFF, 32 bits": ("TIFF", "I", {}),
    "TIFF, floats": ("TIFF", "F", {}),
    "TIFF, CMYK": ("TIFF", "CMYK", {}),
    "AVIF": ("AVIF", "RGB", {"speed": 10}),
    "AVIF, transparent": ("AVIF", "RGBA", {"speed": 10}),
    "HEIC": ("HEIF", "RGB", {FLAT: True}),  # whose encoder takes a second a megapixel of noise
    "HEIC, transparent": ("HEIF", "RGBA", {FLAT: True}),
}
"""Name -> Pillow's format, its mode, and how it is written."""


def picture(name: str, megapixels: float) -> bytes:
    """Return the picture of a case: smooth noise, since flat colours cost some decoders less, or one colour."""
    file_format, mode, options = CASES[name]
    options = dict(options)
    pixels = megapixels * 1e6
    thin = bool(options.pop(THIN, False))
    width = max(1, round(pixels / THIN_ROWS)) if thin else round((pixels * 4 / 3) ** 0.5)
    height = min(THIN_ROWS, round(pixels)) if thin else round(pixels / width)
    made = Pillow.new(mode, (width, height)) if options.pop(FLAT, False) else _noise(mode, width, height)
    buffer = io.BytesIO()
    if file_format == "HEIF":
        pillow_heif.from_pillow(made).save(buffer, quality=50)
    else:
        made.save(buffer, file_format, **options)
    return buffer.getvalue()


def _noise(mode: str, width: int, height: int) -> Pillow.Image:
    size = (max(1, height // 10), max(1, width // 10), 3)
    small = np.random.default_rng(0).integers(0, 256, size, dtype=np.uint8)
    smooth = Pillow.fromarray(small).resize((width, height))
    if mode == "I;16":
        return Pillow.fromarray(np.asarray(smooth.convert("L")).astype(np.uint16) * 257)
    if mode == "I":
        return Pillow.fromarray(np.asarray(smooth.convert("L")).astype(np.int32) * 2**23)
    made = smooth.convert("L").convert(mode) if mode in ("LA", "F") else smooth.convert(mode)
    if mode in ("RGBA", "LA"):
        made.putalpha(100)
    return made
