"""JPEG losses, for training and for measuring what they cost."""

import cv2
import numpy as np
import numpy.typing as npt


def compress(picture: npt.NDArray[np.uint8], quality: int) -> npt.NDArray[np.uint8]:
    """Encode a picture as JPEG and decode it again.

    Args:
        picture: Gray, shape (H, W), or BGR, shape (H, W, 3); uint8.
        quality: 1..100.

    Returns:
        Same shape.
    """
    payload = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(payload, cv2.IMREAD_UNCHANGED), dtype=np.uint8)
