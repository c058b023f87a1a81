"""Small videos, made here."""

import av
import numpy as np
import pytest
from PIL import Image as Pillow

from app.watch.video import VideoWriter
from tests.watch.frames import FPS, FRAMES, level


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


@pytest.fixture
def encode_video(tmp_path):
    """Return a function that writes FRAMES gray pictures by any of FFmpeg's encoders."""

    def encode(name, codec, pixels="yuv420p", **options):
        with av.open(str(tmp_path / name), "w") as container:
            stream = container.add_stream(codec, rate=FPS)
            stream.width, stream.height, stream.pix_fmt, stream.options = 64, 64, pixels, options
            for index in range(FRAMES):
                image = np.full((64, 64, 3), level(index), dtype=np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24").reformat(format=pixels)))
            container.mux(stream.encode(None))
        return tmp_path / name

    return encode
