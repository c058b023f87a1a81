"""Small videos, made here."""

import numpy as np
import pytest
from PIL import Image as Pillow

from app.watch.video import VideoWriter

FPS = 10
FRAMES = 20


def level(index):
    """The gray of a frame tells its number, also after compression."""
    return 20 + 10 * index


@pytest.fixture
def make_video(tmp_path):
    def make(name="video.mp4", frames=FRAMES, size=(128, 96)):
        random = np.random.default_rng(0)
        with VideoWriter(tmp_path / name) as video:
            for index in range(frames):
                pixels = np.full((size[1], size[0], 3), level(index)) + random.integers(-8, 9, (size[1], size[0], 1))
                video.write(Pillow.fromarray(pixels.clip(0, 255).astype(np.uint8)), index / FPS)
        return tmp_path / name

    return make
