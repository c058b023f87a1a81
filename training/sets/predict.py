"""A network on one set after the other: predictions and figures. Shape letters: N pictures, K classes."""

import numpy as np
import torch
from torch import Tensor, nn

from app.runtimes.torch.my_model import normalize_faces
from training.emotion.predict import EVALUATION_BATCH, forward_logits
from training.sets.augment import frame
from training.sets.loading import FaceSet


@torch.inference_mode()
def predict_set(model: nn.Module, each: FaceSet, size_px: int, bf16: bool = False, mirror: bool = False) -> Tensor:
    """Run a network over a set in the set's own framing, without augmentation.

    Args:
        model: Left in evaluation mode.
        each: N pictures.
        size_px: Side of the network's input.
        bf16: Compute in bfloat16 autocast.
        mirror: Exchange left and right.

    Returns:
        Logits, float32, shape (N, K).
    """
    model.eval()
    logits: list[Tensor] = []
    for start in range(0, len(each), EVALUATION_BATCH):
        pictures = each.images_NHW[start : start + EVALUATION_BATCH]
        views = np.stack([frame(picture, each.plan.zoom, size_px, mirror=mirror) for picture in pictures])
        x_BCHW = normalize_faces(torch.from_numpy(views)[:, None])
        logits.append(forward_logits(model, x_BCHW, bf16))
    return torch.cat(logits)


def balanced_accuracy(logits_NK: Tensor, targets_N: Tensor) -> float:
    """Return the mean recall of the classes that occur, 0..1."""
    hits_N = logits_NK.argmax(1) == targets_N
    return float(np.mean([float(hits_N[targets_N == label].double().mean()) for label in targets_N.unique()]))
