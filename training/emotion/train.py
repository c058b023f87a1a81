"""Train My_model by a recipe, one CSV row per epoch, and resume to the same numbers.

All randomness of an epoch (order, augmentation, dropout) comes from one seed made of the run's seed and the epoch's
number, so a run resumed after any epoch draws what the uninterrupted run would have drawn.
"""

import json
import math
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from app.manifest import INPUT_SIZE_PX, LABELS
from app.runtimes.torch.device import has_native_bf16
from app.weights import sha256_of
from training.deployed import read_payload
from training.emotion.augment import AUGMENTATIONS
from training.emotion.batch_norm import refresh_statistics
from training.emotion.checkpoint import CHECKPOINT, KEPT_WEIGHTS, read_checkpoint, write_checkpoint
from training.emotion.data import EmotionSplit
from training.emotion.distributed import ALONE, Group
from training.emotion.history import HISTORY, EpochRow, write_history
from training.emotion.network import MY_MODEL, make_network
from training.emotion.predict import forward_logits, predict_logits
from training.emotion.recipe import Recipe, learning_rate
from training.emotion.targets import check_teachers, check_votes, soft_targets, teacher_probabilities
from training.errors import RunError
from training.identity import check_identity


class Trainer:
    """One training run in one folder, by one process or several.

    With several processes, each takes its part of every batch, so a step stays the same; batch norm sees only that
    part. All hold the same weights; the first one writes the files.

    Args:
        recipe: How to train.
        train: The Training split.
        val: The PublicTest split; it chooses the epoch to keep, unless the recipe says otherwise.
        run_dir: Folder for checkpoint, kept weights and history; a checkpoint found there is resumed.
        device: Where to compute.
        seed: Fixes initialisation, order, augmentation and dropout.
        bf16: Compute in bfloat16 autocast and channels-last memory.
        backbone: Which network, one of `network.BACKBONES`.
        pretrained: Start weights; see `network.make_network`.
        teachers: Weights of My_models whose probabilities the recipe blends into the target.
        group: The processes.
        val_at_training_size: Validate at the epoch's training size, not at 48 pixels: for runs that end before the
            recipe's pictures have grown.

    Raises:
        RunError: If the checkpoint was made with another network, start, teacher, recipe, seed, precision or data, or
            the pretrained weights or the teachers cannot be used.
        DataError: If the recipe needs FER+ votes and the data has none.
    """

    def __init__(
        self,
        recipe: Recipe,
        train: EmotionSplit,
        val: EmotionSplit,
        run_dir: Path,
        device: torch.device,
        seed: int = 0,
        bf16: bool | None = None,
        backbone: str = MY_MODEL,
        pretrained: Path | None = None,
        teachers: tuple[Path, ...] = (),
        group: Group = ALONE,
        val_at_training_size: bool = False,
    ) -> None:
        self.recipe, self.train, self.val = recipe, train, val
        self.run_dir, self.device, self.seed = run_dir, device, seed
        self.backbone, self.group, self.val_at_training_size = backbone, group, val_at_training_size
        self.bf16 = has_native_bf16(device) if bf16 is None else bf16
        torch.manual_seed(seed)
        network = make_network(backbone, recipe.dropout, pretrained)
        self.pretrained_sha256 = None if pretrained is None else sha256_of(pretrained.read_bytes())
        check_teachers(recipe, teachers)
        self.teachers_sha256 = [sha256_of(read_payload(path)) for path in teachers] or None
        self.model = network.to(device).to(memory_format=torch.channels_last)
        self.ema: AveragedModel | None = None
        if recipe.ema_decay is not None:
            self.ema = AveragedModel(self.model, multi_avg_fn=get_ema_multi_avg_fn(recipe.ema_decay))
        self.optimizer = _make_optimizer(recipe, self.model)
        self.augment = AUGMENTATIONS[recipe.augmentation]()
        self.data_sha256 = [train.sha256, val.sha256]
        check_votes(recipe, train)
        self.history: list[EpochRow] = []
        if not self._resume():
            self.targets_BK = self._blend_targets(teachers)
        if not group.agrees(len(self.history)):
            raise RunError(f"The processes found different epochs in {run_dir}: give a folder that all machines share.")
        self._in_steps = group.wrap(self.model)

    @property
    def steps_per_epoch(self) -> int:
        """Batches per epoch, the last one possibly smaller."""
        return math.ceil(len(self.train) / self.recipe.batch_size)

    @property
    def kept(self) -> EpochRow:
        """The epoch whose weights are kept."""
        if self.recipe.keep == "last":
            return self.history[-1]
        return max(self.history, key=lambda row: row.val_accuracy)

    def fit(self, until_epoch: int | None = None) -> list[EpochRow]:
        """Train to the recipe's end, or to `until_epoch`, and return the whole history."""
        last = min(until_epoch or self.recipe.epochs, self.recipe.epochs)
        if self.group.is_first:  # an unwritable folder must not fail only after an epoch's work
            self.run_dir.mkdir(parents=True, exist_ok=True)
            write_history(self.history, self.run_dir / HISTORY)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, TimeRemainingColumn(), disable=not self.group.is_first) as progress:
            for epoch in range(len(self.history), last):
                task = progress.add_task(f"epoch {epoch + 1}/{self.recipe.epochs}", total=self.steps_per_epoch)
                started = time.monotonic()
                train_loss, train_accuracy = self._train_epoch(epoch, progress, task)
                val_loss, val_accuracy = self._validate(epoch)
                row = EpochRow(
                    epoch + 1, train_loss, train_accuracy, val_loss, val_accuracy,
                    self.optimizer.param_groups[0]["lr"], self.recipe.size_px(epoch), time.monotonic() - started,
                )  # fmt: skip
                self._keep(row)
                progress.remove_task(task)
                if self.group.is_first:
                    progress.console.print(row.summary, soft_wrap=True)
        return self.history

    def _train_epoch(self, epoch: int, progress: Progress, task: Any) -> tuple[float, float]:
        epoch_seed = self.seed * 100_003 + epoch + 1
        torch.manual_seed(epoch_seed)
        batches = torch.randperm(len(self.train)).split(self.recipe.batch_size)
        if self.group.size > 1:  # the order is shared; augmentation and dropout differ per process
            torch.manual_seed(epoch_seed + 1_000_003 * (self.group.rank + 1))
        self.model.train()
        size_px = self.recipe.size_px(epoch)
        total_loss, correct, seen = (torch.zeros((), device=self.device) for _ in range(3))
        for step, batch_B in enumerate(batches):
            index_B = self.group.share(batch_B)
            if len(index_B) == 0:
                continue
            rate = learning_rate(self.recipe, epoch * self.steps_per_epoch + step, self.steps_per_epoch)
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            x_BCHW = self.augment(self.train.images_BCHW[index_B].to(self.device), size_px)
            target_BK = self.targets_BK[index_B].to(self.device)
            logits_BK = forward_logits(self._in_steps, x_BCHW, self.bf16)
            loss = F.cross_entropy(logits_BK, target_BK)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.optimizer.step()
            if self.ema is not None:
                self.ema.update_parameters(self.model)
            labels_B = self.train.targets_B[index_B].to(self.device)
            total_loss += loss.detach() * len(index_B)
            correct += (logits_BK.argmax(1) == labels_B).sum()
            seen += len(index_B)
            progress.advance(task)
        total, hits, pictures = (self.group.total(value) for value in (total_loss, correct, seen))
        return total / pictures, hits / pictures

    def _validate(self, epoch: int) -> tuple[float, float]:
        size_px = self.recipe.size_px(epoch) if self.val_at_training_size else INPUT_SIZE_PX
        if self.ema is not None:
            refresh_statistics(self.ema.module, self.train, self.device, self.bf16, size_px)
        logits_BK = predict_logits(self._kept_model(), self.val, self.device, self.bf16, size_px)
        loss = F.cross_entropy(logits_BK, self.val.targets_B)
        return float(loss), float((logits_BK.argmax(1) == self.val.targets_B).float().mean())

    def _kept_model(self) -> nn.Module:
        return self.model if self.ema is None else self.ema.module

    def _blend_targets(self, teachers: tuple[Path, ...]) -> Tensor:
        targets_BK = soft_targets(self.train, self.recipe.ferplus_weight)
        if not teachers:
            return targets_BK
        taught_BK = teacher_probabilities(teachers, self.train, self.device, self.bf16)
        return torch.lerp(targets_BK, taught_BK, self.recipe.teacher_weight)

    def _keep(self, row: EpochRow) -> None:
        """Append the row; the first process saves the checkpoint, and the weights if the recipe keeps them."""
        self.history.append(row)
        if not self.group.is_first:
            return
        if row is self.kept:
            write_checkpoint(
                {"weights": self._kept_model().state_dict(), **self._about(row)}, self.run_dir / KEPT_WEIGHTS
            )
        state = {
            "model": self.model.state_dict(),
            "ema": None if self.ema is None else self.ema.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "targets": self.targets_BK,
            "history": [asdict(each) for each in self.history],
            **self._about(row),
        }
        write_checkpoint(state, self.run_dir / CHECKPOINT)
        write_history(self.history, self.run_dir / HISTORY)

    def _about(self, row: EpochRow) -> dict[str, Any]:
        """What this run's files record about their origin."""
        return {**self._identity(), "epoch": row.epoch}

    def _identity(self) -> dict[str, Any]:
        """What must be equal for a resumed run to reach the same numbers."""
        return {
            "backbone": self.backbone,
            "pretrained_sha256": self.pretrained_sha256,
            "teachers_sha256": self.teachers_sha256,
            "recipe": json.loads(json.dumps(asdict(self.recipe))),
            "seed": self.seed,
            "labels": list(LABELS),
            "bf16": self.bf16,
            "pictures": [len(self.train), len(self.val)],
            "data": self.data_sha256,
        }

    def _resume(self) -> bool:
        """Resume from the checkpoint, if any: teachers take long to run, so it holds the targets too."""
        path = self.run_dir / CHECKPOINT
        if not path.is_file():
            return False
        state = read_checkpoint(path, self.device)
        check_identity(path, state, self._identity(), unsaid=("recipe", "data"))
        self.model.load_state_dict(state["model"])
        if self.ema is not None:
            self.ema.load_state_dict(state["ema"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.targets_BK = state["targets"].cpu()
        self.history = [EpochRow(**row) for row in state["history"]]
        return True


def _make_optimizer(recipe: Recipe, model: nn.Module) -> torch.optim.Optimizer:
    if recipe.optimizer == "adam":
        return torch.optim.Adam(model.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True)
    return torch.optim.AdamW(model.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True)
