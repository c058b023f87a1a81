"""From uint8 FER2013 pictures to My_model's training input.

All augmentations draw from torch's global generator, so an epoch's seed fixes them.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.transforms import v2

from app.runtimes.torch.my_model import normalize_faces
from training.emotion.degrade import Compress, Soften


class ReportAugmentation(nn.Module):
    """The report's own transforms, picture by picture: flip, rotation by up to 10 degrees, 0..1, then -1..1."""

    def __init__(self) -> None:
        super().__init__()
        self.transform = v2.Compose(
            [
                v2.RandomHorizontalFlip(),
                v2.RandomRotation(10),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize([0.5], [0.5]),
            ]
        )

    def forward(self, images_BCHW: Tensor, size_px: int) -> Tensor:
        """Map uint8 (B, 1, 48, 48) to float (B, 1, size_px, size_px) in -1..1."""
        x_BCHW = torch.stack([self.transform(image) for image in images_BCHW])
        if size_px != x_BCHW.shape[-1]:
            x_BCHW = F.interpolate(x_BCHW, size=size_px, mode="bilinear", antialias=True)
        return x_BCHW


class StrongAugmentation(nn.Module):
    """Flip, rotation, scale, shift, contrast, brightness and erasing, for a whole batch at once.

    Shift and scale cover how far a detector's box strays from FER2013's framing; the erased rectangle stands in for
    hands, hair and masks (random erasing: Zhong et al. 2017, arXiv:1708.04896).

    Args:
        rotation_deg: Largest rotation either way.
        scale: Smallest and largest zoom.
        shift: Largest shift either way, as a share of the side.
        light: Largest change of contrast, as a share of it, and of brightness, on the -1..1 scale: 0.2 is a tenth of
            the range.
        erase_probability: Share of the pictures that lose a rectangle.
        erase_area: Smallest and largest share of the area to erase.
    """

    def __init__(
        self,
        rotation_deg: float = 12.0,
        scale: tuple[float, float] = (0.88, 1.12),
        shift: float = 0.07,
        light: float = 0.2,
        erase_probability: float = 0.4,
        erase_area: tuple[float, float] = (0.02, 0.2),
    ) -> None:
        super().__init__()
        self.rotation_rad = math.radians(rotation_deg)
        self.scale = scale
        self.shift = shift
        self.light = light
        self.erase_probability = erase_probability
        self.erase_area = erase_area

    def forward(self, images_BCHW: Tensor, size_px: int) -> Tensor:
        """Map uint8 (B, 1, 48, 48) to float (B, 1, size_px, size_px), about -1..1."""
        x_BCHW = normalize_faces(images_BCHW)
        grid = F.affine_grid(self._affine(x_BCHW), [len(x_BCHW), 1, size_px, size_px], align_corners=False)
        x_BCHW = F.grid_sample(x_BCHW, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
        return self._erase(self._relight(x_BCHW))

    def _affine(self, x_BCHW: Tensor) -> Tensor:
        """Draw a random (B, 2, 3) map from output to input coordinates, both -1..1."""
        batch, device = len(x_BCHW), x_BCHW.device
        angle = _uniform(batch, -self.rotation_rad, self.rotation_rad, device)
        zoom = 1 / _uniform(batch, *self.scale, device)
        mirror = torch.where(torch.rand(batch, device=device) < 0.5, -1.0, 1.0)
        shift_x = _uniform(batch, -2 * self.shift, 2 * self.shift, device)
        shift_y = _uniform(batch, -2 * self.shift, 2 * self.shift, device)
        cos, sin = angle.cos() * zoom, angle.sin() * zoom
        top = torch.stack([cos * mirror, -sin, shift_x], dim=1)
        bottom = torch.stack([sin * mirror, cos, shift_y], dim=1)
        return torch.stack([top, bottom], dim=1)

    def _relight(self, x_BCHW: Tensor) -> Tensor:
        batch, device = len(x_BCHW), x_BCHW.device
        contrast = _uniform(batch, 1 - self.light, 1 + self.light, device).view(-1, 1, 1, 1)
        brightness = _uniform(batch, -self.light, self.light, device).view(-1, 1, 1, 1)
        return (x_BCHW * contrast + brightness).clamp(-1, 1)

    def _erase(self, x_BCHW: Tensor) -> Tensor:
        """Set a random rectangle in some pictures to mid-gray (0)."""
        batch, device, size = len(x_BCHW), x_BCHW.device, x_BCHW.shape[-1]
        area = _uniform(batch, *self.erase_area, device) * size**2
        aspect = _uniform(batch, math.log(1 / 3), math.log(3), device).exp()
        height, width = (area * aspect).sqrt(), (area / aspect).sqrt()
        top = torch.rand(batch, device=device) * (size - height).clamp(min=0)
        left = torch.rand(batch, device=device) * (size - width).clamp(min=0)
        at = torch.arange(size, device=device)
        rows = (at >= top[:, None]) & (at < (top + height)[:, None])
        columns = (at >= left[:, None]) & (at < (left + width)[:, None])
        chosen = torch.rand(batch, device=device) < self.erase_probability
        mask = rows[:, None, :, None] & columns[:, None, None, :] & chosen[:, None, None, None]
        return x_BCHW.masked_fill(mask, 0.0)


class DegradingAugmentation(StrongAugmentation):
    """The strong augmentation, with some pictures compressed, blurred or small; see `degrade`."""

    def __init__(self) -> None:
        super().__init__()
        self.compress, self.soften = Compress(), Soften()

    def forward(self, images_BCHW: Tensor, size_px: int) -> Tensor:
        """Map uint8 (B, 1, 48, 48) to float (B, 1, size_px, size_px), about -1..1."""
        softened_BCHW: Tensor = self.soften(super().forward(self.compress(images_BCHW), size_px))
        return softened_BCHW


AUGMENTATIONS: dict[str, type[nn.Module]] = {
    "report": ReportAugmentation,
    "strong": StrongAugmentation,
    "degrading": DegradingAugmentation,
}
"""By their names in the recipes."""


def _uniform(count: int, low: float, high: float, device: torch.device) -> Tensor:
    return torch.rand(count, device=device) * (high - low) + low
