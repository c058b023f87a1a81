"""How much boxes overlap.

Shape letters: N boxes, M others.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]


def overlaps(xyxy_N4: Floats, others_M4: Floats) -> Floats:
    """Return the intersection over union of each box with each other one, 0..1, shape (N, M); 0 if both are empty."""
    wide_NM, tall_NM = (
        np.minimum(xyxy_N4[:, None, axis + 2], others_M4[:, axis + 2])
        - np.maximum(xyxy_N4[:, None, axis], others_M4[:, axis])
        for axis in (0, 1)
    )
    shared_NM = np.maximum(wide_NM, 0) * np.maximum(tall_NM, 0)
    area_N, area_M = ((each[:, 2:] - each[:, :2]).prod(axis=1) for each in (xyxy_N4, others_M4))
    least = np.finfo(shared_NM.dtype).tiny
    shares: Floats = shared_NM / np.maximum(area_N[:, None] + area_M - shared_NM, least)
    return shares


def as_boxes(boxes: "list[tuple[float, float, float, float]]") -> npt.NDArray[np.float64]:
    """Return boxes as an array (N, 4), also if there are none."""
    return np.array(boxes, dtype=np.float64).reshape(-1, 4)
