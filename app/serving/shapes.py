"""Which shapes of canvases the networks are set up for: the first picture of another one takes five times as long."""

from collections import OrderedDict

from app.faces.letterbox import canvas_size

SHAPES_KEPT = 4
"""OpenVINO keeps 300 generated kernels of a network (`app.runtimes.openvino`); the detector takes 64 for a shape."""


class RecentShapes:
    """The canvases of the pictures that came last.

    Args:
        side_px: Longer side of a canvas.
    """

    def __init__(self, side_px: int) -> None:
        self._side_px = side_px
        self._shapes: OrderedDict[tuple[int, int], None] = OrderedDict()

    def is_new(self, height: int, width: int) -> bool:
        """Whether no picture with such a canvas came of late; from now on one has."""
        shape = canvas_size(height, width, self._side_px)
        new = shape not in self._shapes
        self._shapes[shape] = None
        self._shapes.move_to_end(shape)
        if len(self._shapes) > SHAPES_KEPT:
            self._shapes.popitem(last=False)
        return new
