"""Faces as a service gets them: blurred, small and compressed pictures, for training.

FER2013's pictures are sharp at 48 pixels; without these, blur or a 24-pixel face cost My_model 17 points.
Shape letters: B batch, C channels (one, gray), H, W.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.jpeg import compress


class Compress(nn.Module):
    """Encode some pictures as JPEG and decode them again.

    Args:
        probability: Share of the pictures.
        quality: Lowest and highest JPEG quality, 1..100.
    """

    def __init__(self, probability: float = 0.2, quality: tuple[int, int] = (15, 75)) -> None:
        super().__init__()
        self.probability = probability
        self.quality = quality

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Map uint8 (B, 1, H, W) to the same shape; computed on the CPU."""
        compressed_BCHW = images_BCHW.cpu().clone()
        qualities = torch.randint(self.quality[0], self.quality[1] + 1, (len(images_BCHW),)).tolist()
        for index in (torch.rand(len(images_BCHW)) < self.probability).nonzero().flatten().tolist():
            picture = compressed_BCHW[index, 0].numpy()
            compressed_BCHW[index, 0] = torch.from_numpy(compress(picture, qualities[index]))
        return compressed_BCHW.to(images_BCHW.device)


class Soften(nn.Module):
    """Blur some pictures and enlarge others from a smaller size.

    Args:
        blur_probability: Share of the pictures blurred with a Gaussian.
        sigma_px: Smallest and largest standard deviation of the Gaussian at 48 pixels.
        shrink_probability: Share that keeps only a smaller picture's detail.
        side_px: Smallest and largest side of that picture; drawn once per batch.
    """

    def __init__(
        self,
        blur_probability: float = 0.25,
        sigma_px: tuple[float, float] = (0.4, 1.6),
        shrink_probability: float = 0.25,
        side_px: tuple[int, int] = (16, 36),
    ) -> None:
        super().__init__()
        self.blur_probability = blur_probability
        self.sigma_px = sigma_px
        self.shrink_probability = shrink_probability
        self.side_px = side_px

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Map float (B, 1, H, W) to the same shape and range."""
        softened_BCHW = x_BCHW.clone()
        blurred_B = torch.rand(len(x_BCHW), device=x_BCHW.device) < self.blur_probability
        sigma_B = torch.empty(len(x_BCHW), device=x_BCHW.device).uniform_(*self.sigma_px)
        softened_BCHW[blurred_B] = gaussian_blur(x_BCHW[blurred_B], sigma_B[blurred_B])
        shrunk_B = torch.rand(len(x_BCHW), device=x_BCHW.device) < self.shrink_probability
        side = int(torch.randint(self.side_px[0], self.side_px[1] + 1, ()))
        softened_BCHW[shrunk_B] = shrink(softened_BCHW[shrunk_B], side)
        return softened_BCHW


def gaussian_blur(x_BCHW: Tensor, sigma_B: Tensor) -> Tensor:
    """Blur each gray picture with its own Gaussian.

    Args:
        x_BCHW: Gray, float, shape (B, 1, H, W).
        sigma_B: Standard deviations in pixels, shape (B,); weights beyond 5 pixels are left out.

    Returns:
        Same shape; the border is replicated.
    """
    if len(x_BCHW) == 0:
        return x_BCHW
    radius = 5
    offset_K = torch.arange(-radius, radius + 1, device=x_BCHW.device)
    kernel_BK = torch.exp(-0.5 * (offset_K / sigma_B[:, None]) ** 2)
    kernel_BK = kernel_BK / kernel_BK.sum(1, keepdim=True)
    batch = len(x_BCHW)
    padded = F.pad(x_BCHW.transpose(0, 1), (radius,) * 4, mode="replicate")
    rows = F.conv2d(padded, kernel_BK.view(batch, 1, 1, -1), groups=batch)
    return F.conv2d(rows, kernel_BK.view(batch, 1, -1, 1), groups=batch).transpose(0, 1)


def shrink(x_BCHW: Tensor, side_px: int) -> Tensor:
    """Keep only a smaller picture's detail.

    Args:
        x_BCHW: Float, shape (B, C, H, W).
        side_px: Side of the smaller picture.

    Returns:
        Same shape.
    """
    if len(x_BCHW) == 0:
        return x_BCHW
    small = F.interpolate(x_BCHW, size=side_px, mode="bilinear", antialias=True)
    return F.interpolate(small, size=x_BCHW.shape[-2:], mode="bilinear")
