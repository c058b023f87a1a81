"""Search the numbers of a recipe: short runs judged on PublicTest, with hopeless ones stopped early.

Short runs favour what learns fast; what curbs overfitting shows only in long ones. So a search says where to begin, and
a full run decides. A trial may end before the recipe's pictures have grown, so it is validated at the size that it
trains at.
"""

import csv
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import torch

from app.runtimes.torch.device import has_native_bf16
from training.emotion.data import EmotionSplit
from training.emotion.history import EpochRow
from training.emotion.recipe import Recipe
from training.emotion.targets import check_votes
from training.emotion.train import Trainer
from training.errors import RunError

try:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend
    from optuna.trial import FrozenTrial, Trial, TrialState
except ImportError as missing:
    raise RunError(f"{missing.name} is not installed: pip install '.[search]' in Mien's sources.") from missing

JOURNAL = "study.log"
TRIALS = "trials.csv"
FOLDER, IDENTITY = "folder", "identity"
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)

SEARCHED: dict[str, tuple[float, float, bool]] = {
    "learning_rate": (0.0003, 0.005, True),
    "weight_decay": (0.005, 0.3, True),
    "dropout": (0.0, 0.3, False),
    "ferplus_weight": (0.0, 0.6, False),
}
"""For each number of the recipe: lowest and highest value, and whether it is drawn on a logarithmic scale."""


class EpochByEpoch(Protocol):
    """What a search needs from a trainer."""

    def fit(self, until_epoch: int | None = None) -> list[EpochRow]:
        """Train up to an epoch, unless already reached, and return the history."""


TrainerFactory = Callable[[Recipe, EmotionSplit, EmotionSplit, Path, torch.device, int], EpochByEpoch]

TRIAL_TRAINER: TrainerFactory = partial(Trainer, val_at_training_size=True)
"""Makes a trial's trainer, unless a search is given another one."""


class RecipeSearch:
    """A study in one folder, which resumes where it stopped: an interrupted trial after its last whole epoch.

    The first trial is the recipe itself; then Optuna's tree-structured Parzen estimator proposes. After four whole
    trials, a trial is ended if its best epoch so far is below their median at that epoch; epoch 1, the warm-up, ends
    none. Only one process at a time may work on a study.

    Args:
        recipe: The recipe that the trials vary.
        train: The Training split.
        val: The PublicTest split; its accuracy after the last epoch is maximised.
        out_dir: Folder of the study, with one run per trial.
        device: Where to compute.
        seed: Seed of every run. Proposals also depend on where the study was interrupted.
        make_trainer: Makes a trial's trainer.

    Raises:
        RunError: If the folder has a study of another recipe, seed, data, precision or validation size.
        DataError: If the data has no FER+ votes.

    References:
        Akiba et al., "Optuna", arXiv:1907.10902; Bergstra et al., "Algorithms for Hyper-Parameter Optimization",
        NIPS 2011, section 4.
    """

    def __init__(
        self,
        recipe: Recipe,
        train: EmotionSplit,
        val: EmotionSplit,
        out_dir: Path,
        device: torch.device,
        seed: int = 0,
        make_trainer: TrainerFactory = TRIAL_TRAINER,
    ) -> None:
        self.recipe, self.train, self.val = recipe, train, val
        self.out_dir, self.device, self.seed, self.make_trainer = out_dir, device, seed, make_trainer
        check_votes(recipe, train)
        out_dir.mkdir(parents=True, exist_ok=True)
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.study = optuna.create_study(
            storage=JournalStorage(JournalFileBackend(str(out_dir / JOURNAL))), study_name="search",
            direction="maximize", load_if_exists=True,
            pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=2),
        )  # fmt: skip
        # Each start draws from its own seed, or a resumed study would repeat its first proposals.
        self.study.sampler = optuna.samplers.TPESampler(seed=seed + len(self.study.trials), n_startup_trials=5)
        self._check_identity()
        self._take_up_interrupted()

    @property
    def finished(self) -> list[FrozenTrial]:
        """The trials that ran to the end or were stopped as hopeless."""
        return self.study.get_trials(states=FINISHED)

    def run(self, trials: int, tell: Callable[[str], None]) -> FrozenTrial:
        """Run until this many trials are finished, and return the best.

        Args:
            trials: Total, including earlier ones.
            tell: Gets one line after each trial.
        """

        def after(_: optuna.Study, trial: FrozenTrial) -> None:
            self._write_trials()
            tell(describe(trial))

        self.study.optimize(self._objective, n_trials=max(0, trials - len(self.finished)), callbacks=[after])
        return self.study.best_trial

    def _objective(self, trial: Trial) -> float:
        chosen: dict[str, Any] = {
            name: trial.suggest_float(name, low, high, log=log) for name, (low, high, log) in SEARCHED.items()
        }
        run_dir = self.out_dir / trial.user_attrs.get(FOLDER, f"trial-{trial.number:03}")
        trial.set_user_attr(FOLDER, run_dir.name)
        recipe = replace(self.recipe, **chosen)
        trainer = self.make_trainer(recipe, self.train, self.val, run_dir, self.device, self.seed)
        for epoch in range(1, self.recipe.epochs + 1):
            accuracy = trainer.fit(until_epoch=epoch)[epoch - 1].val_accuracy
            trial.report(accuracy, epoch)
            if epoch < self.recipe.epochs and trial.should_prune():
                raise optuna.TrialPruned
        return accuracy

    def _check_identity(self) -> None:
        identity = {
            "recipe": repr(self.recipe),
            "seed": self.seed,
            "data": [self.train.sha256, self.val.sha256],
            "precision": "bfloat16" if has_native_bf16(self.device) else "float32",
            "validation size": "as in training",
        }
        known = self.study.user_attrs.get(IDENTITY)
        if known is None:
            self.study.enqueue_trial({name: getattr(self.recipe, name) for name in SEARCHED}, skip_if_exists=True)
            self.study.set_user_attr(IDENTITY, identity)
        elif known != identity:
            other = next(name for name in identity if known.get(name) != identity[name])
            raise RunError(f"{self.out_dir} holds a search whose {other} differs: use the same again, or a new folder.")

    def _take_up_interrupted(self) -> None:
        """Queue interrupted trials again, each in its own folder."""
        in_folder = {trial.user_attrs.get(FOLDER): trial for trial in self.study.get_trials()}  # the last one counts
        for folder, trial in in_folder.items():
            if trial.state is TrialState.RUNNING:  # left by a process that is gone
                self.study.tell(trial.number, state=TrialState.FAIL)
            if folder is not None and trial.state in (TrialState.RUNNING, TrialState.FAIL):
                self.study.enqueue_trial(trial.params, user_attrs={FOLDER: folder})

    def _write_trials(self) -> None:
        """Write one CSV row per finished trial."""
        with (self.out_dir / TRIALS).open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([FOLDER, "state", "epochs", "val_accuracy", *SEARCHED])
            for trial in self.finished:
                numbers = [trial.params[name] for name in SEARCHED]
                state = trial.state.name.lower()
                writer.writerow([trial.user_attrs[FOLDER], state, trial.last_step, _accuracy(trial), *numbers])


def describe(trial: FrozenTrial) -> str:
    """Say in one line where a trial's run is, how far it got and what it changed."""
    numbers = ", ".join(f"{name} {value:.4g}" for name, value in trial.params.items())
    ended = f"{trial.state.name.lower()} after epoch {trial.last_step}"
    return f"{trial.user_attrs[FOLDER]}: {_accuracy(trial):.2%} of PublicTest, {ended}: {numbers}"


def _accuracy(trial: FrozenTrial) -> float:
    """Return its last epoch's accuracy; NaN if it was interrupted before the end of the first."""
    return float("nan") if trial.last_step is None else trial.intermediate_values[trial.last_step]
