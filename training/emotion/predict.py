"""My_model on pictures: the forward pass that training, validation and evaluation share.

Shape letters: B batch, C channels, H height, W width, N pictures of a split, K classes.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from app.manifest import INPUT_SIZE_PX
from app.runtimes.torch.my_model import normalize_faces
from training.emotion.data import EmotionSplit

EVALUATION_BATCH = 256


def forward_logits(model: nn.Module, x_BCHW: Tensor, bf16: bool) -> Tensor:
    """Return float32 logits (B, K), computed channels-last and, if asked, in bfloat16 autocast."""
    x_BCHW = x_BCHW.contiguous(memory_format=torch.channels_last)
    with torch.autocast(x_BCHW.device.type, torch.bfloat16, enabled=bf16):
        logits_BK: Tensor = model(x_BCHW)
    return logits_BK.float()


def network_input(images_BCHW: Tensor, device: torch.device, size_px: int = INPUT_SIZE_PX) -> Tensor:
    """Normalise uint8 pictures; if `size_px` differs from their side, resample bilinearly like `StrongAugmentation`."""
    x_BCHW = normalize_faces(images_BCHW.to(device))
    return x_BCHW if size_px == x_BCHW.shape[-1] else F.interpolate(x_BCHW, size=size_px, mode="bilinear")


@torch.inference_mode()
def predict_logits(
    model: nn.Module, split: EmotionSplit, device: torch.device, bf16: bool, size_px: int = INPUT_SIZE_PX
) -> Tensor:
    """Run My_model over a split, without augmentation.

    Args:
        model: On `device`; left in evaluation mode.
        split: N pictures.
        device: Where to compute.
        bf16: Compute in bfloat16 autocast.
        size_px: Side of the network's input pictures.

    Returns:
        Logits, float32, shape (N, K), on the CPU.
    """
    model.eval()
    batches = split.images_BCHW.split(EVALUATION_BATCH)
    return torch.cat([forward_logits(model, network_input(x, device, size_px), bf16).cpu() for x in batches])
