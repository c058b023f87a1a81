"""The pictures: made from the two photos that ultralytics ships, identical in every run."""

import io
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from PIL import ImageFilter, ImageOps

QUALITY = 90
"""JPEG quality of the pictures made here; phones write 85 to 95."""

GRAIN = 4.0
"""Standard deviation of the noise added to an enlarged photo: without it, a blurred 12 MP file would be a fifth the
size of a camera's and decode faster."""

FACE_CENTRE, FACE_TILE_PX = (985, 188), 280
"""The right person's face in the photo, with room around it."""

PASSER_BY_CENTRE, PASSER_BY_TILE_PX = (287, 448), 84
"""The same for a face in the other photo."""

TILE_PX, COLUMNS, ROWS = 80, 16, 9
LARGE_TILE_PX, APART_PX, STEP_PX, STEPS = 160, 300, 16, 8
ANGLE = 22
"""Degrees: the same face rotated gets another emotion; rotated further, the detector is less sure of it."""

SIZES: dict[str, tuple[int, int]] = {
    "VGA": (640, 480),
    "720p": (1280, 720),
    "1080p": (1920, 1080),
    "12 MP": (4000, 3000),
}
MIXED_SIZES = (
    (160, 120), (320, 240), (480, 640), (640, 480), (720, 1280), (800, 600), (1024, 768), (1280, 720),
    (1600, 1200), (1920, 1080), (1080, 1920), (2560, 1440), (4000, 3000),
)  # fmt: skip


def photo_bytes(name: str = "zidane.jpg") -> bytes:
    """Return a photo as shipped; the default one has 1280 x 720 pixels and two faces.

    Raises:
        FileNotFoundError: If ultralytics is not installed.
    """
    spec = find_spec("ultralytics")  # located, not imported, to keep the clients' process small
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("ultralytics is not installed, and the photos are part of it.")
    return (Path(spec.submodule_search_locations[0]) / "assets" / name).read_bytes()


def photo(name: str = "zidane.jpg") -> Pillow.Image:
    """Return a photo's pixels."""
    with Pillow.open(io.BytesIO(photo_bytes(name))) as picture:
        return picture.convert("RGB")


def jpeg(picture: Pillow.Image) -> bytes:
    """Encode a JPEG."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def sized(width: int, height: int) -> bytes:
    """Return the photo cropped to another shape, resized and with noise, as JPEG."""
    picture = ImageOps.fit(photo(), (width, height), Pillow.Resampling.LANCZOS)
    grain = np.random.default_rng(width).normal(0, GRAIN, (height, width, 1)).astype(np.float32)
    return jpeg(Pillow.fromarray((np.asarray(picture) + grain).clip(0, 255).astype(np.uint8)))


def crowd(faces: int) -> Pillow.Image:
    """Return a picture of 1280 x 720 pixels with this many faces, all the same size, on a blurred background.

    Args:
        faces: 0 to 144.

    Raises:
        ValueError: If there are more.
    """
    if not 0 <= faces <= COLUMNS * ROWS:
        raise ValueError(f"{faces} faces do not fit: at most {COLUMNS * ROWS}.")
    source = photo()
    tile, picture = _face(source, TILE_PX), _background(source)
    for index in range(faces):
        row, column = divmod(index, COLUMNS)
        picture.paste(tile if (row + column) % 2 else ImageOps.mirror(tile), (column * TILE_PX, row * TILE_PX))
    return picture


def different(count: int) -> list[bytes]:
    """Return pictures that have no answer in common.

    They show one to three faces with different emotions, each time in other places. Every second one is in portrait
    format, so that a batch of them takes two canvases.

    Args:
        count: At most 64: 8 steps to the right times 8 down.

    Raises:
        ValueError: If more are asked for.
    """
    if count > STEPS**2:
        raise ValueError(f"At most {STEPS**2} pictures differ enough.")
    source, made = photo(), []
    face = _face(source, LARGE_TILE_PX)
    passer_by = _square(photo("bus.jpg"), PASSER_BY_CENTRE, PASSER_BY_TILE_PX, LARGE_TILE_PX)
    tiles = [face, face.rotate(ANGLE, Pillow.Resampling.BICUBIC), passer_by]
    for index in range(count):
        down, right = divmod(index, STEPS)
        upright = index % 2 == 1
        picture = _background(source).resize((720, 960) if upright else (1280, 720))
        for number in range(1 + index % 3):
            x, y = STEP_PX * (1 + right), STEP_PX * (1 + down)
            place = (x, y + APART_PX * number) if upright else (x + APART_PX * number, y)
            picture.paste(tiles[(index + number) % len(tiles)], place)
        made.append(jpeg(picture))
    return made


def _background(source: Pillow.Image) -> Pillow.Image:
    return source.filter(ImageFilter.GaussianBlur(40))


def _face(source: Pillow.Image, side_px: int) -> Pillow.Image:
    return _square(source, FACE_CENTRE, FACE_TILE_PX, side_px)


def _square(source: Pillow.Image, centre: tuple[int, int], width_px: int, side_px: int) -> Pillow.Image:
    """Cut a square of the given width out and resize it to the given side."""
    (x, y), half = centre, width_px // 2
    return source.crop((x - half, y - half, x + half, y + half)).resize((side_px, side_px))
