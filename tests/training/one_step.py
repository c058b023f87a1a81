"""One step of training, by one process of several; `test_distributed` starts it.

    python -m tests.training.one_step RANK SIZE FOLDER

Nothing in the step is drawn or measured by a process for itself: no dropout, no augmentation, and batch norms that keep
their statistics. So two processes must come to the weights that one comes to.
"""

import sys
from dataclasses import replace
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn

from app.manifest import LABELS
from app.runtimes.torch.my_model import normalize_faces
from training.emotion.data import EmotionSplit
from training.emotion.distributed import Group
from training.emotion.recipe import REPORT
from training.emotion.train import Trainer

COUNT = 16
RECIPE = replace(REPORT, epochs=1, batch_size=COUNT, learning_rate=1.0, dropout=0.0)


def noise() -> EmotionSplit:
    """Sixteen pictures, each unlike the others."""
    images = torch.randint(0, 256, (COUNT, 1, 48, 48), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    targets = torch.arange(COUNT) % len(LABELS)
    return EmotionSplit(images, targets, torch.zeros(COUNT, len(LABELS)), torch.full((COUNT,), -1))


def weights_after_a_step(group: Group, run_dir: Path) -> dict[str, Tensor]:
    trainer = Trainer(RECIPE, noise(), noise(), run_dir, torch.device("cpu"), bf16=False, group=group)
    trainer.augment = lambda images_BCHW, _: normalize_faces(images_BCHW)
    trainer.optimizer = torch.optim.SGD(trainer.model.parameters(), RECIPE.learning_rate)  # linear in the gradients
    for module in trainer.model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
            module.train = lambda *_: None  # stays as it is
    trainer.fit()
    return trainer.model.state_dict()


if __name__ == "__main__":
    rank, size, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"file://{folder / 'meeting-point'}", rank=rank, world_size=size)
    torch.save(weights_after_a_step(Group(rank, size), folder / "run"), folder / f"{rank}.pt")
    dist.destroy_process_group()
