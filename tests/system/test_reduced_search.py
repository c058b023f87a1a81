"""The real weights on large JPEGs: a search in a reduced size answers what a search in full answers."""

import asyncio

import numpy as np
import pytest
from PIL import Image as Pillow

from app.config import Settings
from app.faces.types import DetectOptions
from app.main import load_pipeline
from app.manifest import EMOTION
from app.pictures.open import decode_image
from app.serving.engine import Engine, EngineLimits
from tests.support.photos import photo_path
from tests.support.pictures import encode

pytestmark = pytest.mark.slow

MAX_PIXELS = 50_000_000


class Watched:
    """A pipeline that remembers the widths it was shown."""

    def __init__(self, pipeline):
        self._pipeline, self.widths = pipeline, []
        self.manifest, self.warm_up, self.runtime = pipeline.manifest, pipeline.warm_up, pipeline.runtime
        self.parts = 0

    def detect(self, images, options):
        self.widths += [image.shape[1] for image in images]
        return self._pipeline.detect(images, options)

    def classify(self, images, boxes, asked):
        self.parts += len(images)
        return self._pipeline.classify(images, boxes, asked)


@pytest.fixture(scope="module")
def pipeline():
    return load_pipeline(Settings(device="cpu", precision="fp32"))


def photo(name, width=None):
    with Pillow.open(photo_path(name)) as opened:
        whole = opened.convert("RGB")
    return whole if width is None else whole.resize((width, round(whole.height * width / whole.width)))


def scene(size, *pasted):
    """Lay photos on gray: (name, width in pixels, left, top)."""
    made = Pillow.new("RGB", size, (114, 114, 114))
    for name, width, left, top in pasted:
        made.paste(photo(name, width), (left, top))
    return encode(made, "JPEG", quality=90)


def answers(pipeline, payload):
    """Return the engine's answer, the answer of a search in full, and what the engine showed to its networks."""
    watched, found = Watched(pipeline), []

    async def ask():
        engine = Engine(lambda: watched, EngineLimits())
        await engine.start()
        found.append(await engine.detect(payload, DetectOptions()))
        await engine.stop()

    asyncio.run(ask())
    [full] = pipeline.detect([decode_image(payload, MAX_PIXELS)], [DetectOptions()])
    return found[0], full, watched


def overlap(one, other):
    """Intersection over union."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    both = max(0.0, width) * max(0.0, height)
    return both / (sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)) - both)


def counterpart(face, faces):
    return max(faces, key=lambda each: overlap(face.detection.xyxy, each.detection.xyxy))


SURE = 0.5
"""Faces near the default threshold may fall on either side of it."""

LARGE = [("grace_hopper", 400, 100, 100), ("grace_hopper", 300, 600, 100), ("astronaut", 800, 1000, 100)]
SMALL = ("astronaut", 340, 2950, 1480)
"""Its face is 60 to 70 pixels high: half of that in half the size, which is less than the 48 that My_model sees."""

REDUCED = {
    "1/2, faces of 580 px": ((4000, 2250), 2000, [("zidane", 4000, 0, 0)]),
    "1/2, faces of 140 to 440 px": ((4000, 3000), 2000, [*LARGE, ("zidane", 3000, 900, 1300)]),
    "1/4, faces of 470 to 730 px": ((7680, 4320), 1920, [("zidane", 5000, 100, 100), ("astronaut", 2000, 5400, 100)]),
}


@pytest.mark.parametrize("name", REDUCED)
def test_a_reduced_search_finds_the_same_faces(pipeline, name):
    """The bounds are wider than what was measured, so that another processor's rounding does not break them."""
    size, width, pasted = REDUCED[name]
    found, full, watched = answers(pipeline, scene(size, *pasted))
    assert (watched.widths, watched.parts) == ([width], 0)
    assert (found.width, found.height) == (full.width, full.height) == size
    for faces, others in ((full.faces, found.faces), (found.faces, full.faces)):
        sure = [face for face in faces if face.detection.score > SURE]
        assert len(sure) >= 2
        for face in sure:
            other = counterpart(face, others)
            assert overlap(face.detection.xyxy, other.detection.xyxy) > 0.94
            assert other.detection.score == pytest.approx(face.detection.score, abs=0.1)
            np.testing.assert_allclose(
                other.answers[EMOTION].probabilities, face.answers[EMOTION].probabilities, atol=0.25
            )


def test_a_small_face_is_seen_with_all_its_pixels(pipeline):
    payload = scene((4000, 3000), *LARGE, SMALL)
    found, _, watched = answers(pipeline, payload)
    assert (watched.widths, watched.parts) == ([2000], 1)
    small = found.faces[-1]
    side_px = small.detection.longer_side_px * (1 + pipeline.manifest.emotion.crop.margin) / 2
    assert side_px < pipeline.manifest.emotion.input_size_px
    [in_full] = pipeline.classify([decode_image(payload, MAX_PIXELS)], [small.detection.xyxy], [()])
    in_full = in_full[EMOTION].probabilities
    np.testing.assert_allclose(small.answers[EMOTION].probabilities, in_full, atol=1e-4)
