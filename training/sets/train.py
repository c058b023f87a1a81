"""Train on several sets; resumed after any step, a run draws what the uninterrupted run would have drawn.

All randomness of a step (pictures, augmentation, dropout) comes from one seed made of the run's seed and the step.
Shape letters: B batch, C channels, H, W, K classes, N pictures.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.emotion.checkpoint import CHECKPOINT, read_checkpoint, write_checkpoint
from training.emotion.history import HISTORY
from training.emotion.predict import forward_logits
from training.errors import RunError
from training.files import write_payload
from training.identity import check_identity
from training.sets.loading import FaceSet
from training.sets.mixture import Batch, Mixture
from training.sets.predict import balanced_accuracy, predict_set
from training.sets.recipe import WideRecipe

NORM_OR_BIAS = 1
"""Number of dimensions of what gets no weight decay."""

Say = Callable[[str], None]


class WideTrainer:
    """One run in one folder.

    Args:
        recipe: How to train.
        network: With its start weights, on the CPU or a GPU.
        mixture: Where batches come from.
        val: Val parts by set name, evaluated and written into the history; they choose nothing here.
        run_dir: Folder for checkpoint and history; a checkpoint found there is resumed.
        about: What else must be equal to resume, such as digests of start weights and soft labels.
        seed: Fixes pictures, augmentation and dropout.
        bf16: Compute in bfloat16 autocast.
        say: Gets a line for each evaluation.

    Raises:
        RunError: If the checkpoint was made with other choices; another number of steps is no other choice: the rate
            then follows the new plan from there on.
    """

    def __init__(
        self,
        recipe: WideRecipe,
        network: nn.Module,
        mixture: Mixture,
        val: Mapping[str, FaceSet],
        run_dir: Path,
        about: Mapping[str, Any],
        seed: int = 0,
        bf16: bool = False,
        say: Say = print,
    ) -> None:
        self.recipe, self.mixture, self.val, self.run_dir = recipe, mixture, dict(val), run_dir
        self.about, self.seed, self.bf16, self.say = dict(about), seed, bf16, say
        self.model = network.to(memory_format=torch.channels_last)
        self.average = {name: value.clone() for name, value in self.model.state_dict().items()}
        self.optimizer = make_optimizer(recipe, self.model)
        self.step = 0
        self.history: list[dict[str, float]] = []
        self._resume()

    def fit(self, until: int | None = None, evaluate_every: int = 500, save_every_s: float = 60.0) -> None:
        """Train to the recipe's end, or until a step, which is then saved."""
        last = min(until or self.recipe.steps, self.recipe.steps)
        self.run_dir.mkdir(parents=True, exist_ok=True)
        started = saved = time.monotonic()
        losses: list[float] = []
        while self.step < last:
            losses.append(self._train_step())
            self.step += 1
            if self.step % evaluate_every == 0 or self.step == self.recipe.steps:
                self._evaluate(losses, time.monotonic() - started)
                started, losses = time.monotonic(), []
            if time.monotonic() - saved > save_every_s or self.step == last:
                self._save()
                saved = time.monotonic()

    def _train_step(self) -> float:
        draws = np.random.default_rng((self.seed, self.step))
        torch.manual_seed(self.seed * 1_000_003 + self.step)
        rate = self.recipe.rate(self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        self.model.train()
        batch = self.mixture.draw(draws, self.recipe.side_px(self.step))
        loss = batch_loss(forward_logits(self.model, batch.x_BCHW, self.bf16), batch)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self._follow()
        return float(loss.detach())

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the average; it starts faster, so that it forgets the first steps."""
        decay = min(self.recipe.ema_decay, (1 + self.step) / (10 + self.step))
        for name, value in self.model.state_dict().items():
            if value.is_floating_point():
                self.average[name].lerp_(value, 1 - decay)
            else:
                self.average[name].copy_(value)

    def _evaluate(self, losses: list[float], seconds: float) -> None:
        kept = {name: value.clone() for name, value in self.model.state_dict().items()}
        self.model.load_state_dict(self.average)
        row: dict[str, float] = {
            "step": self.step,
            "loss": round(sum(losses) / len(losses), 4),
            "rate": self.recipe.rate(self.step - 1),
            "seconds": round(seconds, 1),
        }
        for name, each in self.val.items():
            logits_NK = predict_set(self.model, each, self.recipe.size_px, self.bf16)
            row[name] = round(balanced_accuracy(logits_NK, each.targets_N), 4)
        self.model.load_state_dict(kept)
        self.history.append(row)
        write_rows(self.history, self.run_dir / HISTORY)
        self.say(", ".join(f"{name} {value:g}" for name, value in row.items()))

    def _identity(self) -> dict[str, Any]:
        recipe = {name: value for name, value in asdict(self.recipe).items() if name != "steps"}
        return {"recipe": recipe, "seed": self.seed, "bf16": self.bf16, "about": self.about}

    def _save(self) -> None:
        state = {
            "model": self.model.state_dict(),
            "average": self.average,
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "steps": self.recipe.steps,
            "history": self.history,
            **self._identity(),
        }
        write_checkpoint(state, self.run_dir / CHECKPOINT)

    def _resume(self) -> None:
        path = self.run_dir / CHECKPOINT
        if not path.is_file():
            return
        state = read_checkpoint(path, torch.device("cpu"))
        check_identity(path, state, self._identity(), unsaid=("recipe", "about"))
        if state["steps"] != self.recipe.steps:
            self.say(f"The plan is now {self.recipe.steps} steps, no longer {state['steps']}.")
        self.model.load_state_dict(state["model"])
        self.average = state["average"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.history = state["step"], state["history"]


def batch_loss(logits_BK: Tensor, batch: Batch) -> Tensor:
    """Return the mean cross-entropy: against the label, with the set's prior, and against the soft target."""
    label_B = F.cross_entropy(logits_BK + batch.prior_BK, batch.labels_BK, reduction="none")
    soft_B = F.cross_entropy(logits_BK, batch.soft_BK, reduction="none")
    return (batch.trust_B * label_B + (1 - batch.trust_B) * soft_B).mean()


def make_optimizer(recipe: WideRecipe, model: nn.Module) -> torch.optim.Optimizer:
    """Return AdamW with three kinds of tensors: convolutions; head's matrix; norms and biases, without decay."""
    head = {id(each) for name, each in model.named_parameters() if name.startswith("classifier.")}
    groups: dict[str, list[nn.Parameter]] = {"body": [], "head": [], "plain": []}
    for parameter in model.parameters():
        kind = "plain" if parameter.ndim <= NORM_OR_BIAS else "head" if id(parameter) in head else "body"
        groups[kind].append(parameter)
    factors = {"body": 1.0, "head": recipe.head_factor, "plain": recipe.head_factor}
    return torch.optim.AdamW(
        [
            {"params": groups[kind], "factor": factor, "weight_decay": 0.0 if kind == "plain" else recipe.weight_decay}
            for kind, factor in factors.items()
        ],
        recipe.learning_rate,
        fused=True,
    )


def write_rows(rows: list[dict[str, float]], path: Path) -> None:
    """Write a CSV; the first row gives the columns.

    Raises:
        RunError: If a row has other columns, as after a change of the val sets.
    """
    columns = list(rows[0])
    if any(list(row) != columns for row in rows):
        raise RunError(f"{path} would mix rows of different sets: use a new folder.")
    lines = [",".join(columns), *(",".join(f"{value:g}" for value in row.values()) for row in rows)]
    write_payload(("\n".join(lines) + "\n").encode(), path)
