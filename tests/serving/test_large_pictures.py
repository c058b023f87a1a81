"""Large JPEGs through the engine: searched in a reduced size, small faces cropped in full, all in original pixels."""

import asyncio
import threading

import numpy as np
import pytest

from app.errors import BadPayload, DeadlineExceeded, InferenceFailed
from app.faces.types import Detection, DetectOptions, Face, ImageFaces
from app.pictures.open import decode_image
from app.serving.engine import Engine, EngineLimits
from tests.serving.test_engine import run_with
from tests.support.pictures import encode, gradient
from tests.support.pipeline import FakePipeline, digest_probabilities, emotion

WIDTH, HEIGHT = 3840, 64
PIXELS = WIDTH * HEIGHT


class Watching(FakePipeline):
    """Finds a large face and one of a given side, in pixels of the image it is shown; remembers what it was shown."""

    def __init__(self, side_px, further=None):
        super().__init__(further)
        self.side_px, self.shown, self.parts = side_px, [], []

    def _faces(self, image, options):
        height, width = image.shape[:2]
        self.shown.append((width, height))
        boxes = ((500.0, 0.0, 1000.0, 30.0), (10.0, 4.0, 10.0 + self.side_px, 14.0))
        faces = tuple(Face(Detection(box, 0.9), emotion(digest_probabilities(image))) for box in boxes)
        return ImageFaces(width, height, faces, {"detect": 1.0, "classify": 2.0})

    def classify(self, images, boxes, asked):
        self.parts += [(image.copy(), box) for image, box in zip(images, boxes, strict=True)]
        return super().classify(images, boxes, asked)


def large_jpeg(seed=0):
    return encode(gradient(WIDTH, HEIGHT, seed), "JPEG")


def detect(pipeline, payload, options=None, **limits):
    engine, answers = Engine(lambda: pipeline, EngineLimits(**limits)), []

    async def steps():
        answers.append(await engine.detect(payload, options or DetectOptions()))

    run_with(engine, steps)
    return answers[0]


def test_a_large_jpeg_is_searched_at_half_its_size():
    pipeline = Watching(side_px=40.0)
    found = detect(pipeline, large_jpeg())
    assert pipeline.shown == [(WIDTH // 2, HEIGHT // 2)]
    assert pipeline.parts == []
    assert (found.width, found.height) == (WIDTH, HEIGHT)
    assert [face.detection.xyxy for face in found.faces] == [(1000.0, 0.0, 2000.0, 60.0), (20.0, 8.0, 100.0, 28.0)]
    assert set(found.timings_ms) == {"decode", "detect", "classify"}


def test_a_small_face_is_cropped_from_the_picture_in_full():
    pipeline, payload = Watching(side_px=39.0), large_jpeg()
    found = detect(pipeline, payload)
    assert pipeline.shown == [(WIDTH // 2, HEIGHT // 2)]
    [(part, box)] = pipeline.parts
    whole = decode_image(payload, PIXELS)
    # The square has 1.2 times the longer side, 78 px, around (59, 18); its neighbours are two pixels on each side.
    assert np.array_equal(part, whole[0:64, 10:108])
    assert box == (10.0, 8.0, 88.0, 28.0)
    assert found.faces[1].detection.xyxy == (20.0, 8.0, 98.0, 28.0)
    assert found.faces[1].answers == emotion(digest_probabilities(part))
    assert found.faces[0].answers != found.faces[1].answers
    assert found.timings_ms["detail"] > 0


@pytest.mark.parametrize("payload", [encode(gradient(WIDTH, HEIGHT)), encode(gradient(WIDTH - 1, HEIGHT), "JPEG")])
def test_everything_else_is_searched_in_full(payload):
    pipeline = Watching(side_px=8.0)
    found = detect(pipeline, payload)
    assert pipeline.shown == [(found.width, found.height)]
    assert pipeline.parts == []
    assert found.faces[1].detection.xyxy == (10.0, 4.0, 18.0, 14.0)


def test_the_caller_speaks_of_original_pixels():
    pipeline = Watching(side_px=40.0)
    detect(pipeline, large_jpeg(), DetectOptions(min_face_px=30.0))
    assert [each.min_face_px for each in pipeline.options] == [15.0]


def test_the_picture_in_full_does_not_wait_for_the_pixels_of_the_reduced_one():
    """There is room for one picture in full and not for a pixel more."""
    pipeline = Watching(side_px=8.0)
    detect(pipeline, large_jpeg(), max_pixels=PIXELS, max_pixels_held=PIXELS, deadline_s=10.0)
    assert len(pipeline.parts) == 1


def test_many_large_pictures_through_room_for_one_do_not_wait_for_each_other_for_ever():
    pipeline = Watching(side_px=8.0)
    engine = Engine(lambda: pipeline, EngineLimits(max_pixels=PIXELS, max_pixels_held=PIXELS))

    async def steps():
        payloads = [large_jpeg(seed) for seed in range(8)]
        answers = await asyncio.gather(*(engine.detect(each, DetectOptions()) for each in payloads))
        again = [await engine.detect(each, DetectOptions()) for each in payloads]
        assert [each.faces for each in answers] == [each.faces for each in again]

    run_with(engine, steps)


def test_detail_has_the_same_place_and_deadline():
    class Stuck(Watching):
        def __init__(self):
            super().__init__(side_px=8.0)
            self.entered, self.open = threading.Event(), threading.Event()

        def classify(self, images, boxes, asked):
            if images:
                self.entered.set()
                self.open.wait()
            return super().classify(images, boxes, asked)

    pipeline = Stuck()
    engine = Engine(lambda: pipeline, EngineLimits())

    async def steps():
        payload = large_jpeg()
        deadline = asyncio.get_running_loop().time() + 3
        asking = asyncio.create_task(engine.detect(payload, DetectOptions(), deadline))
        assert await asyncio.to_thread(pipeline.entered.wait, 30)
        assert engine.admission.pictures_in_work == 1
        with pytest.raises(DeadlineExceeded):
            await asking
        assert engine.admission.pictures_in_work == 0
        pipeline.open.set()

    run_with(engine, steps)


@pytest.mark.parametrize("rows", [[(0.9,) * 5], [(float("nan"),) * 5], []])
def test_detail_that_is_no_distribution_is_an_error(rows):
    class Wrong(Watching):
        def classify(self, images, boxes, asked):
            return [emotion(row) for row in rows]

    with pytest.raises(InferenceFailed):
        detect(Wrong(side_px=8.0), large_jpeg())


def test_a_truncated_large_jpeg_fails_alone():
    engine = Engine(lambda: Watching(side_px=40.0), EngineLimits())

    async def steps():
        payload = large_jpeg()
        good, bad = await asyncio.gather(
            engine.detect(payload, DetectOptions()),
            engine.detect(payload[: len(payload) // 5], DetectOptions()),
            return_exceptions=True,
        )
        assert len(good.faces) == 2
        assert isinstance(bad, BadPayload)

    run_with(engine, steps)


def test_a_face_to_classify_is_decoded_in_full():
    engine, payload = Engine(FakePipeline, EngineLimits()), large_jpeg()

    async def steps():
        answers, _ = await engine.classify(payload)
        assert answers == emotion(digest_probabilities(decode_image(payload, PIXELS)))

    run_with(engine, steps)


def test_a_small_face_is_cropped_in_full_for_all_that_is_asked():
    pipeline = Watching(side_px=39.0, further={"gender": ("female", "male")})
    found = detect(pipeline, large_jpeg(), DetectOptions(attributes=("gender",)))
    [(part, _)] = pipeline.parts
    assert found.faces[1].answers["gender"].probabilities[0] == digest_probabilities(part)[0]
