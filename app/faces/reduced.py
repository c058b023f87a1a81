"""Searching large JPEGs at a fraction of their size: how small it may be, and mapping back to original pixels."""

import math
from collections.abc import Collection
from dataclasses import replace

from app.faces.crop import crop_square
from app.faces.turn import clockwise, quarters_of, upright_box
from app.faces.types import Box, Detection, DetectOptions, Face, ImageFaces
from app.faces.windows import LONG_RATIO
from app.manifest import INPUT_SIZE_PX, CropRule, Manifest
from app.pictures.types import Picture, Rectangle

DETECTOR_SIDES = 3
"""A reduced picture's longer side has at least so many times the pixels of the detector's input.

From there on a cut of 3 pixels changes the detector's answers more than the reduction does: see
docs/experiments/large-jpegs.md.
"""

NEIGHBOURS_PX = 2
"""Pixels around a crop's square that its bilinear samples may look at, and one to spare for rounding."""


def least_long_side_px(manifest: Manifest) -> int:
    """Return how many pixels a picture's longer side must keep for its faces to be found as in the original."""
    return DETECTOR_SIDES * manifest.detector.input_size_px


def frame_long_side_px(found: ImageFaces, manifest: Manifest) -> int:
    """Return how many pixels the longer side of a stream's next frame must keep, by the answer for the last one.

    That is the detector's input, and what the crop of the smallest known face needs; but no more than of a photo.

    Args:
        found: In pixels of the original.
        manifest: Of the networks that found it.

    References:
        docs/experiments/cameras.md, section "Smaller frames".
    """
    longer, shorter = max(found.width, found.height), min(found.width, found.height)
    if longer > LONG_RATIO * shorter:
        return least_long_side_px(manifest)  # searched in windows
    smallest_px = min((face.crop_px for face in found.faces), default=float(longer))
    for_crops = INPUT_SIZE_PX * longer / max(1.0, smallest_px)
    return min(least_long_side_px(manifest), max(manifest.detector.input_size_px, math.ceil(for_crops)))


def options_in(picture: Picture, options: DetectOptions) -> DetectOptions:
    """Convert options for the original into options for the picture as decoded."""
    return replace(options, min_face_px=options.min_face_px * picture.image.shape[1] / picture.width)


def short_of_detail(found: ImageFaces, picture: Picture, rules: Collection[CropRule]) -> list[int]:
    """Return which faces to crop from the original, because their crop is smaller than My_model's input.

    Faces of a stream whose answers were kept are not among them: these came from the original already.

    Args:
        found: Faces in pixels of the picture's image.
        picture: Where they were found; at full size it has all the detail there is.
        rules: The classifiers' crop rules.

    Returns:
        Positions in `found.faces`.
    """
    if not picture.reduced:
        return []
    sides = [min(crop_square(face.detection.xyxy, rule)[2] for rule in rules) for face in found.faces]
    return [at for at, side in enumerate(sides) if side < INPUT_SIZE_PX and not found.faces[at].is_kept]


def part_around(face: Detection, found: ImageFaces, rules: Collection[CropRule]) -> tuple[Rectangle, Box]:
    """Return the part of a picture that holds all pixels `crop_faces` reads for a face.

    Args:
        face: The face.
        found: The answer containing the face; its size is the picture's.
        rules: The classifiers' crop rules; the part holds the crops of all.

    Returns:
        The part, and the box in pixels of the part set upright.
    """
    xyxy = upright_box(face, found.width, found.height)
    width, height = (found.width, found.height)[:: -1 if quarters_of(face) % 2 else 1]
    squares = [crop_square(xyxy, rule) for rule in rules]
    halves = [side / 2 + NEIGHBOURS_PX for _, _, side in squares]
    left = max(0, math.floor(min(x - half for (x, _, _), half in zip(squares, halves, strict=True))))
    top = max(0, math.floor(min(y - half for (_, y, _), half in zip(squares, halves, strict=True))))
    right = min(width, math.ceil(max(x + half for (x, _, _), half in zip(squares, halves, strict=True))))
    bottom = min(height, math.ceil(max(y + half for (_, y, _), half in zip(squares, halves, strict=True))))
    x0, y0, x1, y1 = clockwise((left, top, right, bottom), width, height, quarters_of(face))
    return (x0, y0, x1, y1), (xyxy[0] - left, xyxy[1] - top, xyxy[2] - left, xyxy[3] - top)


def in_original_pixels(found: ImageFaces, picture: Picture) -> ImageFaces:
    """Map what was found in a picture's image to the pixels of its original.

    Where the original's side is not a multiple of the reduction, the last reduced pixel of a row covers less than the
    others but counts the same, which moves a box by less than 4 pixels of at least 3840.
    """
    x, y = picture.width / found.width, picture.height / found.height
    faces = tuple(_scaled(face, x, y) for face in found.faces)
    return replace(found, width=picture.width, height=picture.height, faces=faces)


def _scaled(face: Face, x: float, y: float) -> Face:
    detection = face.detection.scaled(x, y)
    larger = detection.longer_side_px / face.detection.longer_side_px
    return replace(face, detection=detection, crop_px=face.crop_px * larger)
