"""Pictures that were damaged on purpose, in every format that is read."""

import io

import numpy as np
import pillow_heif
import tifffile
from PIL import Image as Pillow

from app.pictures.decode import FORMATS
from tests.support.pictures import encode, gradient
from tests.support.tiff import RGB, Layout, tiff

SAVE_OPTIONS = {
    "JPEG": ({}, {"progressive": True}, {"exif": True}),
    "PNG": ({}, {"mode": "P"}, {"mode": "I;16"}),
    "WEBP": ({}, {"lossless": True}),
    "BMP": ({}, {"mode": "L"}),
    "TIFF": ({"compression": "tiff_lzw"}, {"compression": "tiff_adobe_deflate"}, {"mode": "F"}),
    "GIF": ({}, {"frames": 3}),
    "AVIF": ({},),
    "HEIF": ({},),
}


def seeds():
    """Return (format, bytes) of sound pictures that between them reach every decoder."""
    assert set(SAVE_OPTIONS) == set(FORMATS)
    saved = [(fmt, _encode(fmt, dict(options))) for fmt, variants in SAVE_OPTIONS.items() for options in variants]
    return [*saved, ("TIFF", _separate_planes()), ("TIFF", _behind_a_reduced_copy())]


def _separate_planes():
    deep = gradient(40, 30).astype(np.uint16) * 257
    return tiff(deep, RGB, Layout(order=">", separate=True, compression="lzw", predictor=True))


def _behind_a_reduced_copy():
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        writer.write(gradient(8, 6), photometric="rgb", subfiletype=1, subifds=1, metadata=None)
        writer.write(gradient(40, 30), photometric="rgb", metadata=None)
    return buffer.getvalue()


def _encode(fmt, options):
    mode, frames, exif = options.pop("mode", None), options.pop("frames", 1), options.pop("exif", False)
    picture = Pillow.fromarray(gradient(40, 30))
    if mode == "I;16":
        picture = Pillow.fromarray(np.arange(1200, dtype=np.uint16).reshape(30, 40) * 50)
    elif mode:
        picture = picture.convert(mode)
    if frames > 1:
        options |= {
            "save_all": True,
            "append_images": [Pillow.fromarray(gradient(40, 30, seed=i)) for i in range(1, 3)],
        }
    if exif:
        tags = Pillow.Exif()
        tags[0x0112] = 6  # orientation
        options["exif"] = tags.tobytes()
    if fmt == "HEIF":
        buffer = io.BytesIO()
        pillow_heif.from_pillow(picture).save(buffer)
        return buffer.getvalue()
    return encode(picture, fmt, **options)


def mutate(payload, random):
    """Damage a payload: flipped bits, cut, doubled, overwritten, zeroed or spliced parts; headers more often."""
    data = bytearray(payload)
    for _ in range(random.randint(1, 6)):
        where = (
            min(int(random.expovariate(1 / 60)), len(data) - 1)
            if random.random() < 0.5
            else random.randrange(len(data))
        )
        length = random.randint(1, 16)
        kind = random.randrange(6)
        if kind == 0:
            data[where] ^= 1 << random.randrange(8)
        elif kind == 1:
            data[where : where + length] = random.randbytes(length)
        elif kind == 2:
            del data[where : where + length]
        elif kind == 3:
            data[where:where] = data[where : where + length]
        elif kind == 4:
            data[where : where + length] = random.choice([b"\x00", b"\xff"]) * length
        else:
            del data[max(1, where) :]
        if not data:
            return b""
    return bytes(data)
