"""Photos that ship inside packages; none is downloaded."""

from importlib.util import find_spec
from pathlib import Path

from PIL import Image as Pillow
from PIL import ImageOps


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
    spec = find_spec(package)  # importing ultralytics would change Pillow for all tests of the process
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / inside


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
