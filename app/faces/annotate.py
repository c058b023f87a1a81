"""Draws boxes and labels on a picture."""

import io
from collections.abc import Mapping, Sequence

from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from app.errors import PayloadTooLarge
from app.faces.types import Answer, Box, Face, ImageFaces
from app.manifest import EMOTION
from app.pictures.types import Image

COLOURS: dict[str, str] = {
    "angry": "#ff8f80",
    "happy": "#f7c75a",
    "sad": "#8fc3f8",
    "surprise": "#d2abf8",
    "neutral": "#ccd7d8",
}
"""Bright on any picture, each readable under dark letters; the page uses the same."""
INK = "#12191b"

JPEG_MAX_SIDE_PX = 65_500
"""libjpeg's."""

PNG_COMPRESSION = 1
"""Of zlib: higher levels take several times as long for a few per cent."""

CUT_OFF, CUT_OFF_COLOUR = "the file is cut off", "#ffffff"

DASH_LINES = 4
"""Length of a dash around an unclear face, and of the gap after it, in widths of the line."""


def annotate_image(image: Image, found: ImageFaces) -> Pillow.Image:
    """Draw every face's box with its id, if it has one, and its `caption`; say if the file was cut off.

    Args:
        image: RGB, uint8, shape (H, W, 3).
        found: The faces found in it.

    Returns:
        A new RGB picture of the same size.
    """
    picture = Pillow.fromarray(image)
    draw = ImageDraw.Draw(picture)
    for face in reversed(found.faces):
        _draw_face(draw, face, picture.size)
    if found.truncated:
        _write(draw, CUT_OFF, (0.0, float(picture.size[1])), picture.size, CUT_OFF_COLOUR)
    return picture


def draw_png(image: Image, found: ImageFaces) -> bytes:
    """Draw as `annotate_image`, and return the picture as a PNG file."""
    buffer = io.BytesIO()
    annotate_image(image, found).save(buffer, "PNG", compress_level=PNG_COMPRESSION)
    return buffer.getvalue()


def draw_jpeg(image: Image, found: ImageFaces, quality: int) -> bytes:
    """Draw as `annotate_image`, and return the picture as a JPEG file.

    Args:
        image: As in `annotate_image`.
        found: As there.
        quality: libjpeg's, 1..100.

    Raises:
        PayloadTooLarge: If a side is longer than a JPEG's may be.
    """
    if max(image.shape) > JPEG_MAX_SIDE_PX:
        raise PayloadTooLarge(f"Annotated pictures are JPEGs, of at most {JPEG_MAX_SIDE_PX:,} pixels per side.")
    return jpeg_of(annotate_image(image, found), quality)


def jpeg_of(picture: Pillow.Image, quality: int) -> bytes:
    """Return an RGB picture as a JPEG file; `quality` is libjpeg's, 1..100."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def caption(answers: Mapping[str, Answer]) -> str:
    """Return a face's answers in words: `happy 93%`, or `unclear: neutral or sad`, and ` · female 97%` if asked for."""
    emotion = answers[EMOTION]
    further = (shared(*answer.best) for attribute, answer in answers.items() if attribute != EMOTION)
    return " · ".join((verdict(emotion.ranked, emotion.unclear), *further))


def shared(label: str, probability: float) -> str:
    """Return a label with its share: `happy 93%`."""
    return f"{label} {probability:.0%}"


def verdict(ranked: Sequence[tuple[str, float]], unclear: bool) -> str:
    """Return in words what emotions, the most probable first, say: `happy 93%`, or `unclear: neutral or sad`."""
    (label, probability), (second, _), *_ = ranked
    return f"unclear: {label} or {second}" if unclear else shared(label, probability)


def _dashed(draw: ImageDraw.ImageDraw, box: Box, colour: str, line_px: int) -> None:
    """Draw a box as dashes, inside its edge."""
    left, top, right, bottom = box
    dash = DASH_LINES * line_px
    for start in range(round(left), round(right), 2 * dash):
        for y in (top, bottom - line_px):
            draw.rectangle((start, y, min(start + dash, right), y + line_px), fill=colour)
    for start in range(round(top), round(bottom), 2 * dash):
        for x in (left, right - line_px):
            draw.rectangle((x, start, x + line_px, min(start + dash, bottom)), fill=colour)


def _draw_face(draw: ImageDraw.ImageDraw, face: Face, size: tuple[int, int]) -> None:
    left, top, right, bottom = face.detection.xyxy
    answer = face.answers[EMOTION]
    colour = COLOURS[answer.best[0]]
    line_px = max(2, round(max(size) / 400))
    draw.rectangle((left - 1, top - 1, right + 1, bottom + 1), outline=INK, width=line_px + 2)
    if answer.unclear:
        _dashed(draw, face.detection.xyxy, colour, line_px)
    else:
        draw.rectangle((left, top, right, bottom), outline=colour, width=line_px)
    number = "" if face.track_id is None else f"{face.track_id} · "
    _write(draw, f"{number}{caption(face.answers)}", (left, top), size, colour, bottom)


def _write(
    draw: ImageDraw.ImageDraw,
    text: str,
    above: tuple[float, float],
    size: tuple[int, int],
    colour: str,
    below: float = 0.0,
) -> None:
    """Write text above a point, or where it has no room there, below a height; inside the picture."""
    left, top = above
    font = ImageFont.load_default(max(14, round(max(size) / 50)))
    text_left, text_top, text_right, text_bottom = draw.textbbox((0, 0), text, font=font)
    width, height = text_right - text_left + 8, text_bottom - text_top + 8
    x = min(max(0.0, left), max(0.0, size[0] - width))
    y = top - height if top >= height else min(below, size[1] - height)
    draw.rectangle((x, y, x + width, y + height), fill=colour)
    draw.text((x + 4 - text_left, y + 4 - text_top), text, font=font, fill=INK)
