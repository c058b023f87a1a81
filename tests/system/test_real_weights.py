"""The weights that travel with the project, on photos that ship inside packages."""

import io

import numpy as np
import pytest
from PIL import Image as Pillow

from app.config import Settings
from app.faces.types import DetectOptions
from app.main import load_pipeline
from app.manifest import EMOTION, LABELS, load_manifest
from app.pictures.open import decode_image
from app.weights import default_weights_dir
from tests.support.photos import ASTRONAUT_SIDE_PX, astronaut, photo_path

# Read off the photos by eye: a point in the middle of each face, (x, y) in pixels.
FACES = {
    "astronaut": [(224, 117)],
    "grace_hopper": [(265, 229)],
    "zidane": [(984, 188), (598, 350)],
}
FACELESS = ("china", "flower", "coffee", "rocket", "chelsea")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pipeline():
    return load_pipeline(Settings(device="cpu"))


def detect(pipeline, image, **options):
    return pipeline.detect([image], [DetectOptions(**options)])[0].faces


@pytest.fixture(scope="module")
def photos():
    return {name: decode_image(photo_path(name).read_bytes(), 50_000_000) for name in (*FACES, "bus", *FACELESS)}


@pytest.mark.parametrize("name", FACES)
def test_every_face_is_found_once(pipeline, photos, name):
    faces = detect(pipeline, photos[name])
    assert len(faces) == len(FACES[name])
    for x, y in FACES[name]:
        assert any(
            left < x < right and top < y < bottom
            for left, top, right, bottom in (each.detection.xyxy for each in faces)
        )


@pytest.mark.parametrize("name", FACELESS)
def test_no_face_where_there_is_none(pipeline, photos, name):
    assert detect(pipeline, photos[name]) == ()


@pytest.mark.parametrize("degrees", [0, 30, -30])
@pytest.mark.parametrize("mirrored", [False, True], ids=["as it is", "mirrored"])
@pytest.mark.parametrize("face_px", [12, 24, 200, 800, 2000])
def test_a_face_of_any_size_is_found(pipeline, face_px, mirrored, degrees):
    picture = astronaut(face_px, degrees, mirrored=mirrored)
    x, y = (np.array(FACES["astronaut"][0]) / ASTRONAUT_SIDE_PX - 0.5) * picture.width
    if mirrored:
        x = -x
    sin, cos = np.sin(np.deg2rad(degrees)), np.cos(np.deg2rad(degrees))
    x, y = picture.width / 2 + x * cos + y * sin, picture.height / 2 - x * sin + y * cos
    boxes = [face.detection.xyxy for face in detect(pipeline, np.asarray(picture))]
    assert any(left < x < right and top < y < bottom for left, top, right, bottom in boxes)


def test_golden_emotions(pipeline, photos):
    """The astronaut smiles broadly; nobody would call it anything else."""
    [face] = detect(pipeline, photos["astronaut"])
    assert LABELS[int(np.argmax(face.answers[EMOTION].probabilities))] == "happy"
    assert sum(face.answers[EMOTION].probabilities) == pytest.approx(1, abs=1e-5)


def test_batch_answers_equal_lone_answers(pipeline, photos):
    images = list(photos.values())
    together = pipeline.detect(images, [DetectOptions()] * len(images))
    for image, answer in zip(images, together, strict=True):
        alone = detect(pipeline, image)
        assert len(alone) == len(answer.faces)
        for one, other in zip(alone, answer.faces, strict=True):
            np.testing.assert_allclose(one.detection.xyxy, other.detection.xyxy, atol=1)
            np.testing.assert_allclose(
                one.answers[EMOTION].probabilities, other.answers[EMOTION].probabilities, atol=0.02
            )


def test_options(pipeline, photos):
    both = detect(pipeline, photos["zidane"])
    assert both[0].detection.area >= both[1].detection.area
    assert len(detect(pipeline, photos["zidane"], max_faces=1)) == 1
    assert detect(pipeline, photos["zidane"], min_face_px=1000) == ()
    assert detect(pipeline, photos["zidane"], score_threshold=1.0) == ()


def test_upside_down_file_with_exif_is_upright(pipeline, photos):
    exif = Pillow.Exif()
    exif[0x0112] = 3
    buffer = io.BytesIO()
    Pillow.fromarray(np.ascontiguousarray(photos["astronaut"][::-1, ::-1])).save(buffer, "PNG", exif=exif)
    [face] = detect(pipeline, decode_image(buffer.getvalue(), 50_000_000))
    [upright] = detect(pipeline, photos["astronaut"])
    np.testing.assert_allclose(face.detection.xyxy, upright.detection.xyxy, atol=1)


def test_manifest_tells_where_the_weights_come_from():
    manifest = load_manifest(default_weights_dir())
    assert manifest.emotion.labels == LABELS
    assert manifest.detector.labels == ("face",)
    assert 4_900_000 <= manifest.emotion.parameters <= 5_100_000
    for name, card in manifest.networks.items():
        assert card.training
        assert card.metrics
        assert card.data
        assert (default_weights_dir() / f"{name}.md").is_file()
