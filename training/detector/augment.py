"""What the detector trains on: windows of pictures, rotated, zoomed and degraded.

ultralytics makes mosaics, flips and colour changes; whatever else faces need is here. Pictures are uint8, BGR, shape
(H, W, 3), in the dictionary `labels` that ultralytics' transforms pass on.
"""

import random
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from ultralytics.data.augment import BaseTransform, Compose, Format, Mosaic, RandomFlip, RandomHSV, RandomPerspective
from ultralytics.data.dataset import YOLODataset

from training.detector.recipe import LARGEST_STRIDE, DetectorRecipe
from training.jpeg import compress

Picture = npt.NDArray[np.uint8]
Boxes = npt.NDArray[np.float32]

VISIBLE_SHARE = 0.25
"""A face that the window shows less of is not one to find: often it is a chin, or a forehead without eyes."""


class FacePerspective(RandomPerspective):
    """Rotation, zoom and shift, with boxes that stay tight around rotated faces."""

    def apply_bboxes(self, bboxes: Boxes, M: npt.NDArray[np.float32]) -> Boxes:
        """Return the boxes around the ellipses inscribed in the boxes, after the transform.

        A box around the rotated corners would be up to 1.4 times too large for a face, which is round. The new box's
        half-size along axis i is the root of the sum over j of (M_ij h_j)^2, with h_j that of the old box.

        Args:
            bboxes: Left, top, right and bottom in pixels, shape (N, 4).
            M: Affine map, shape (3, 3).

        Returns:
            The same form, shape (N, 4).
        """
        linear, shift = M[:2, :2], M[:2, 2]
        centre_N2 = (bboxes[:, :2] + bboxes[:, 2:]) / 2 @ linear.T + shift
        half_N2 = np.sqrt(((bboxes[:, 2:] - bboxes[:, :2]) / 2) ** 2 @ (linear**2).T)
        return np.concatenate([centre_N2 - half_N2, centre_N2 + half_N2], axis=1).astype(bboxes.dtype)

    def box_candidates(self, box1: Boxes, box2: Boxes, area_thr: float = VISIBLE_SHARE) -> npt.NDArray[np.bool_]:  # noqa: ARG002
        """Return which faces count, of boxes of shape (4, N) before and after: those with enough left in the window.

        The caller's `area_thr` is ultralytics' own for boxes, a tenth, and is ignored.
        """
        kept: npt.NDArray[np.bool_] = super().box_candidates(box1, box2, area_thr=VISIBLE_SHARE)
        return kept


class Degrade(BaseTransform):
    """Pictures as a service gets them: gray, blurred, dark, noisy, compressed.

    Args:
        probability: Share of the pictures for each of the five, 0..1.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def apply_image(self, labels: dict[str, Any], params: dict[str, Any] | None = None) -> dict[str, Any]:  # noqa: ARG002
        """Change the picture; the boxes stay the same."""
        for change in (gray, blur, darken, add_noise, lose_detail):
            if random.random() < self.probability:
                labels["img"] = change(labels["img"])
        return labels


def gray(picture: Picture) -> Picture:
    """Remove the colour."""
    changed: Picture = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    return changed


def blur(picture: Picture) -> Picture:
    """Blur with a Gaussian of 0.5 to 2.5 pixels."""
    changed: Picture = cv2.GaussianBlur(picture, (0, 0), random.uniform(0.5, 2.5))
    return changed


def darken(picture: Picture) -> Picture:
    """Darken as a dark room does, with a gamma of 1.5 to 3."""
    curve = (np.arange(256) / 255) ** random.uniform(1.5, 3.0) * 255
    changed: Picture = cv2.LUT(picture, curve.round().astype(np.uint8))
    return changed


def add_noise(picture: Picture) -> Picture:
    """Add Gaussian noise with a standard deviation of 3 to 15 of 255."""
    noise = np.empty(picture.shape, np.float32)
    cv2.setRNGSeed(random.randrange(2**31))
    cv2.randn(noise, 0, random.uniform(3, 15))
    return (picture + noise).clip(0, 255).astype(np.uint8)


def lose_detail(picture: Picture) -> Picture:
    """Encode it as JPEG of quality 20 to 75 and decode it again."""
    return compress(picture, random.randint(20, 75))


class FaceDataset(YOLODataset):
    """The train split as windows.

    Args:
        recipe: Picture size, zoom, rotation, share of mosaics and of degradations, and the window.
        img_path: Folder of the pictures.
        data: ultralytics' description of the data set.
        hyp: ultralytics' settings: colour changes, flips and shifts.
        cache: Where decoded pictures are kept: `ram`, or nowhere.
    """

    def __init__(
        self, recipe: DetectorRecipe, img_path: str, data: dict[str, Any], hyp: Any, cache: str | bool
    ) -> None:
        self.recipe = recipe
        super().__init__(
            img_path=img_path, data=data, imgsz=recipe.imgsz, hyp=hyp, cache=cache, batch_size=recipe.batch,
            stride=LARGEST_STRIDE, augment=True,
        )  # fmt: skip

    def build_transforms(self, hyp: Any) -> Compose:
        """Return the transform that turns a picture and its boxes into a batch entry."""
        recipe = self.recipe
        window = (recipe.window_px, recipe.window_px)
        return Compose(
            [
                Mosaic(self, imgsz=self.imgsz, p=recipe.mosaic * hyp.mosaic),  # at the end ultralytics sets 0
                FacePerspective(recipe.degrees, translate=hyp.translate, scale=recipe.zoom, size=window),
                RandomHSV(hyp.hsv_h, hyp.hsv_s, hyp.hsv_v),
                Degrade(recipe.degrade),
                RandomFlip(p=hyp.fliplr, direction="horizontal"),
                Format(bbox_format="xywh", normalize=True, batch_idx=True),
            ]
        )
