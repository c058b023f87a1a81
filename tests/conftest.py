"""Test doubles and photos shared by the tests. Photos ship inside packages; none is downloaded."""

import hashlib
import io
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image as Pillow
from PIL import ImageOps

from app.config import Settings
from app.faces.types import Answer, Box, Detection, DetectOptions, Face, ImageFaces
from app.main import create_app
from app.manifest import EMOTION, LABELS, ArtifactFile, Artifacts, ClassifierCard, CropRule, DetectorCard, Manifest
from app.pictures.types import Image
from app.serving.engine import Engine, EngineLimits


def make_manifest() -> Manifest:
    artifacts = Artifacts(state=ArtifactFile(file="state.safetensors", sha256="0" * 64))
    shared = {
        "artifacts": artifacts, "parameters": 1, "training": {}, "metrics": {}, "licence": "none", "data": (),
    }  # fmt: skip
    detector = DetectorCard(
        architecture="yolov8n", labels=("face",), input_size_px=640, score_threshold=0.4, iou_threshold=0.5, **shared
    )
    emotion = ClassifierCard(
        attribute=EMOTION, architecture="my_model", labels=LABELS, input_size_px=48,
        crop=CropRule(margin=0.2, shift_y=0.0), temperature=1.0, **shared,
    )  # fmt: skip
    return Manifest(networks={"detector": detector, "emotion": emotion})


def emotion(probabilities: Sequence[float], raw: Sequence[float] | None = None) -> dict[str, Answer]:
    """Return the answers of one face that has only an emotion."""
    return {EMOTION: Answer(LABELS, tuple(probabilities), None if raw is None else tuple(raw))}


def digest_probabilities(image: Image) -> tuple[float, ...]:
    """Return five numbers that depend on every pixel of the picture and on nothing else."""
    raw = np.frombuffer(hashlib.sha256(image.tobytes()).digest()[:10], np.uint16).astype(np.float64) + 1
    return tuple((raw / raw.sum()).tolist())


class FakePipeline:
    """Finds one face per picture, derived from the picture's own pixels, so that mixed-up answers are caught."""

    def __init__(self) -> None:
        self.manifest = make_manifest()
        self.runtime = "nothing"
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

    def classify(self, images: Sequence[Image], boxes: Sequence[Box | None]) -> list[dict[str, Answer]]:
        return [emotion(digest_probabilities(image)) for image, _ in zip(images, boxes, strict=True)]

    def _faces(self, image: Image, options: DetectOptions) -> ImageFaces:
        height, width = image.shape[:2]
        detection = Detection((0.0, 0.0, width / 2, height / 2), options.score_threshold or 0.9)
        face = Face(detection, emotion(digest_probabilities(image)))
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
