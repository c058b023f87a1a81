"""Non-maximum suppression: of boxes on the same face, only the surest stays.

Shape letters: N boxes.
"""

import numpy as np
import numpy.typing as npt


def suppress(
    xyxy_N4: npt.NDArray[np.float32], scores_N: npt.NDArray[np.float32], iou_threshold: float, most: int
) -> npt.NDArray[np.int64]:
    """Return which boxes stay: greedily, the surest first, each removing those that overlap it by more.

    Args:
        xyxy_N4: Boxes in pixels.
        scores_N: Their scores.
        iou_threshold: Largest overlap, as intersection over union, 0..1.
        most: At most so many stay.

    Returns:
        Indices, highest score first.
    """
    left_N, top_N, right_N, bottom_N = xyxy_N4.T
    area_N = (right_N - left_N) * (bottom_N - top_N)
    waiting = np.argsort(-scores_N, kind="stable")
    kept: list[int] = []
    while len(waiting) and len(kept) < most:
        best, waiting = waiting[0], waiting[1:]
        kept.append(int(best))
        width = np.minimum(right_N[best], right_N[waiting]) - np.maximum(left_N[best], left_N[waiting])
        height = np.minimum(bottom_N[best], bottom_N[waiting]) - np.maximum(top_N[best], top_N[waiting])
        shared = width.clip(min=0) * height.clip(min=0)
        waiting = waiting[shared <= iou_threshold * (area_N[best] + area_N[waiting] - shared)]
    return np.array(kept, dtype=np.int64)
