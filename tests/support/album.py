"""A folder of photos of mixed sizes, as many as a test wants."""

import os
import random

from PIL import Image as Pillow

from tests.support.photos import photo_path

DIFFERENT = 200
PHOTOS = ("zidane", "bus", "grace_hopper", "astronaut", "china", "chelsea", "coffee", "rocket")
LONG_SIDES_PX = (320, 480, 640, 800, 1024, 1280, 1600, 2048, 3000, 4000)
SUFFIXES = (".jpg", ".jpg", ".jpg", ".jpg", ".png", ".webp")


def write_mixed_album(folder, pictures):
    """Write photos of packages, turned a little and scaled; each stands there several times under other names."""
    draw, made = random.Random(7), []  # noqa: S311 - pictures to look at
    for number in range(min(DIFFERENT, pictures)):
        with Pillow.open(photo_path(draw.choice(PHOTOS))) as photo:
            picture = photo.convert("RGB").rotate(draw.uniform(-10, 10), Pillow.Resampling.BICUBIC)
        scale = draw.choice(LONG_SIDES_PX) / max(picture.size)
        picture = picture.resize([max(1, round(side * scale)) for side in picture.size], Pillow.Resampling.BICUBIC)
        made.append(folder / f"{number:05}{draw.choice(SUFFIXES)}")
        picture.save(made[-1], quality=85)
    for number in range(len(made), pictures):
        original = made[number % len(made)]
        os.link(original, folder / f"{number:05}{original.suffix}")
    return folder
