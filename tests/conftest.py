"""Test doubles and photos shared by the tests. Photos ship inside packages; none is downloaded."""

import hashlib
import io
import os
import tempfile
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image as Pillow
from PIL import ImageOps

from app.config import Settings
from app.faces.types import Box, Detection, DetectOptions, Face, ImageFaces
from app.main import create_app
from app.pictures.types import Image
from app.serving.engine import Engine, EngineLimits
from app.weights import CropRule, DetectorCard, EmotionCard, Manifest

CACHE = tempfile.TemporaryDirectory(prefix="mien-tests-")
os.environ["XDG_CACHE_HOME"] = CACHE.name
"""Networks converted by the tests and the servers that they start, apart from the user's."""

LABELS = ("angry", "happy", "sad", "surprise", "neutral")


def make_manifest() -> Manifest:
    shared = {"sha256": "0" * 64, "parameters": 1, "training": {}, "metrics": {}, "licence": "none", "data": ()}
    return Manifest(
        detector=DetectorCard(
            file="detector.safetensors", architecture="yolov8n", labels=("face",), input_size_px=640,
            score_threshold=0.4, iou_threshold=0.5, **shared,
        ),
        emotion=EmotionCard(
            file="emotion.safetensors", architecture="my_model", labels=LABELS, input_size_px=48, mean=0.5, std=0.5,
            crop=CropRule(margin=0.2, shift_y=0.0), temperature=1.0, **shared,
        ),
    )  # fmt: skip


def digest_probabilities(image: Image) -> tuple[float, ...]:
    """Return five numbers that depend on every pixel of the picture and on nothing else."""
    raw = np.frombuffer(hashlib.sha256(image.tobytes()).digest()[:10], np.uint16).astype(np.float64) + 1
    return tuple((raw / raw.sum()).tolist())


class FakePipeline:
    """Finds one face per picture, derived from the picture's own pixels, so that mixed-up answers are caught."""

    def __init__(self) -> None:
        self.manifest = make_manifest()
        self.batch_sizes: list[int] = []
        self.warmed_up = False
        self.options: list[DetectOptions] = []

    def warm_up(self) -> None:
        self.warmed_up = True

    def detect(self, images: Sequence[Image], options: Sequence[DetectOptions]) -> list[ImageFaces]:
        if images:
            self.batch_sizes.append(len(images))
        self.options += options
        return [self._faces(image, each) for image, each in zip(images, options, strict=True)]

    def classify(self, images: Sequence[Image]) -> list[tuple[float, ...]]:
        return [digest_probabilities(image) for image in images]

    def classify_boxes(self, images: Sequence[Image], boxes: Sequence[Box]) -> list[tuple[float, ...]]:
        return [digest_probabilities(image) for image, _ in zip(images, boxes, strict=True)]

    def _faces(self, image: Image, options: DetectOptions) -> ImageFaces:
        height, width = image.shape[:2]
        detection = Detection((0.0, 0.0, width / 2, height / 2), options.score_threshold or 0.9)
        face = Face(detection, digest_probabilities(image))
        return ImageFaces(width, height, (face,), {"detect": 1.0, "classify": 1.0})


@pytest.fixture
def fake_pipeline() -> FakePipeline:
    return FakePipeline()


@pytest.fixture
def client(fake_pipeline: FakePipeline) -> Iterator[TestClient]:
    settings = Settings(max_image_bytes=200_000, max_request_bytes=4_000_000, max_pixels=1_000_000)
    engine = Engine(lambda: fake_pipeline, EngineLimits(max_pixels=settings.max_pixels))
    with TestClient(create_app(settings, engine)) as test_client:
        yield test_client


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


def photo_path(name: str) -> Path:
    package, inside = {
        "zidane": ("ultralytics", "assets/zidane.jpg"),
        "bus": ("ultralytics", "assets/bus.jpg"),
        "grace_hopper": ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
        "astronaut": ("skimage", "data/astronaut.png"),
        "china": ("sklearn", "datasets/images/china.jpg"),
        "flower": ("sklearn", "datasets/images/flower.jpg"),
        "chelsea": ("skimage", "data/chelsea.png"),
        "coffee": ("skimage", "data/coffee.png"),
        "rocket": ("skimage", "data/rocket.jpg"),
    }[name]
    return Path(str(files(package))) / inside


ASTRONAUT_SIDE_PX = 512
ASTRONAUT_FACE_PX = 105
"""Width of the face's box in the photo at this size."""


def astronaut(face_px: int, degrees: float = 0, *, mirrored: bool = False) -> Pillow.Image:
    """Return the photo, scaled so that the face has this width, then rotated counterclockwise."""
    photo = Pillow.open(photo_path("astronaut")).convert("RGB")
    if mirrored:
        photo = ImageOps.mirror(photo)
    side = round(ASTRONAUT_SIDE_PX * face_px / ASTRONAUT_FACE_PX)
    return photo.resize((side, side), Pillow.Resampling.LANCZOS).rotate(degrees, Pillow.Resampling.BICUBIC)
