"""A moving picture made of two photos."""

import numpy as np
from PIL import Image as Pillow

from tests.support.photos import photo_path

# Read off the photos by eye: the square around each head, (left, top, right, bottom) in pixels.
NEAR = ("grace_hopper", (125, 75, 405, 375))
FAR = ("astronaut", (130, 10, 320, 210))
CROSSING_S = 10.0
OVERLAP_PX = 125  # half of both heads' widths: closer ones overlap


class Crossing:
    """Two photo faces that walk across each other within ten seconds; the nearer hides the other for a while."""

    def __init__(self):
        self._stage = np.full((360, 640, 3), 150, dtype=np.uint8)
        self._near, self._far = (self._head(*head, side) for head, side in ((NEAR, 130), (FAR, 115)))

    @staticmethod
    def _head(name, square, side):
        with Pillow.open(photo_path(name)) as photo:
            return photo.convert("RGB").crop(square).resize((side, side))

    @staticmethod
    def centres(at_s):
        """Where the faces are, in pixels from the left: (near, far)."""
        way = at_s / CROSSING_S
        return 90 + 460 * way, 550 - 460 * way

    def which(self, centre_x, at_s):
        """Which face a box belongs to: `near` or `far`; None while one hides the other and a box may be a sliver."""
        near_x, far_x = self.centres(at_s)
        if abs(near_x - far_x) < OVERLAP_PX:
            return None
        return "near" if abs(centre_x - near_x) <= abs(centre_x - far_x) else "far"

    def picture(self, at_s):
        near_x, far_x = self.centres(at_s)
        picture = Pillow.fromarray(self._stage)
        for head, x, y in ((self._far, far_x, 190), (self._near, near_x, 180)):
            picture.paste(head, (round(x - head.width / 2), y - head.height // 2))
        return picture
