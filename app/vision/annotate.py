"""Draws boxes and labels on a picture."""

from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from app.vision.my_model import LABELS
from app.vision.types import Face, Image, ImageFaces

COLOURS: dict[str, str] = {
    "angry": "#e4572e",
    "happy": "#2e9e4f",
    "sad": "#3d6fd1",
    "surprise": "#a64ac9",
    "neutral": "#5f6b7a",
}


def annotate_image(image: Image, found: ImageFaces) -> Pillow.Image:
    """Draw every face's box with its most probable label.

    Args:
        image: RGB, uint8, shape (H, W, 3).
        found: What was found in it.

    Returns:
        A new RGB picture of the same size.
    """
    picture = Pillow.fromarray(image)
    draw = ImageDraw.Draw(picture)
    for face in reversed(found.faces):
        _draw_face(draw, face, picture.size)
    return picture


def _draw_face(draw: ImageDraw.ImageDraw, face: Face, size: tuple[int, int]) -> None:
    left, top, right, bottom = face.detection.xyxy
    best = max(range(len(LABELS)), key=lambda index: face.probabilities[index])
    colour = COLOURS[LABELS[best]]
    draw.rectangle((left, top, right, bottom), outline=colour, width=max(2, round(max(size) / 400)))
    font = ImageFont.load_default(max(12, round(max(size) / 60)))
    text = f"{LABELS[best]} {face.probabilities[best]:.0%}"
    text_left, text_top, text_right, text_bottom = draw.textbbox((0, 0), text, font=font)
    width, height = text_right - text_left + 8, text_bottom - text_top + 8
    x = min(max(0.0, left), max(0.0, size[0] - width))
    y = top - height if top >= height else min(bottom, size[1] - height)
    draw.rectangle((x, y, x + width, y + height), fill=colour)
    draw.text((x + 4 - text_left, y + 4 - text_top), text, font=font, fill="white")
