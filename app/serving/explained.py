"""Answers with the reason for each face: masked copies of its crop are classified as one more picture's work."""

from functools import partial

from app.faces.explain import Explanation, explanation_of, face_crop, masked_copies, picture_crop
from app.faces.types import Answer, Attributes, DetectOptions, ImageFaces
from app.manifest import EMOTION, CropRule
from app.pictures.types import Image
from app.serving.engine import Engine
from app.serving.jobs import Answers

MAX_EXPLAINED = 8
"""Faces of one request that are explained, the largest; each takes a place of its own, as a picture would."""


async def detect_and_explain(
    engine: Engine, payload: bytes, options: DetectOptions, client: str
) -> tuple[ImageFaces, list[Explanation]]:
    """Find the faces of a picture, searched in full, and explain the largest ones.

    Args:
        engine: Does the work.
        payload: The whole file.
        options: The caller's choice.
        client: Whose picture it is.

    Returns:
        The faces, and an explanation for each of the first `MAX_EXPLAINED`.

    Raises:
        MienError: As `Engine.detect`; the faces and their explanations share one deadline.
    """
    deadline = engine.deadline()
    found, image = await engine.detect_and_keep(payload, options, deadline, client)
    cut = partial(_crops, image, found, engine.manifest.emotion.crop)
    crops = await engine.draw(cut, client, until=deadline)
    del image, cut  # its memory is counted, and explaining takes a while
    pairs = zip(crops, (face.answers[EMOTION] for face in found.faces), strict=False)
    return found, [await _explain(engine, crop, answer, deadline, client) for crop, answer in pairs]


async def classify_and_explain(
    engine: Engine, payload: bytes, deadline: float, client: str, attributes: Attributes = ()
) -> tuple[Answers, Explanation, bool]:
    """Classify a picture that is one face and explain the answer; as `Engine.classify`.

    Returns:
        What is said of the face, why its emotion, and whether the file was cut off.
    """
    answers, picture = await engine.classify(payload, deadline, client, attributes)
    truncated = picture.truncated
    crop = await engine.draw(partial(picture_crop, picture.image), client, until=deadline)
    del picture
    return answers, await _explain(engine, crop, answers[EMOTION], deadline, client), truncated


def _crops(image: Image, found: ImageFaces, rule: CropRule) -> list[Image]:
    return [face_crop(image, face.detection, rule) for face in found.faces[:MAX_EXPLAINED]]


async def _explain(engine: Engine, crop: Image, answer: Answer, deadline: float, client: str) -> Explanation:
    rows = await engine.classify_crops(masked_copies(crop), deadline, client)
    return explanation_of(answer, [row[EMOTION] for row in rows], answer.best[0])
