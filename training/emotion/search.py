"""Search the numbers of a recipe: short runs judged on PublicTest, the hopeless ones stopped early.

Short runs favour what learns fast; what holds back overfitting shows in long ones only. So a search says where to
begin, and a whole run decides. A trial may end before the recipe's pictures have grown, so it is validated at the size
that it trains at.
"""

import csv
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import torch

from app.vision.device import has_native_bf16
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
"""Of each number of the recipe the lowest and the highest value, and whether it is drawn on a logarithmic scale."""


class EpochByEpoch(Protocol):
    """What a search needs of a trainer."""

    def fit(self, until_epoch: int | None = None) -> list[EpochRow]:
        """Train up to an epoch, unless it is reached already, and return the history."""


TrainerFactory = Callable[[Recipe, EmotionSplit, EmotionSplit, Path, torch.device, int], EpochByEpoch]

TRIAL_TRAINER: TrainerFactory = partial(Trainer, val_at_training_size=True)
"""What trains a trial, unless a search is given something else."""


class RecipeSearch:
    """A study in one folder, which goes on where it was stopped: a trial that broke off, after its last whole epoch.

    The first trial is the recipe itself; then Optuna's tree-structured Parzen estimator proposes. After four whole
    trials one whose best epoch so far is below the median of theirs at that epoch ends; epoch 1, the warm-up, ends
    none. One process at a time works on a study.

    Args:
        recipe: What the trials change.
        train: The Training split.
        val: The PublicTest split; its accuracy after the last epoch is what is maximised.
        out_dir: Of the study, and of one run for each trial.
        device: Where to compute.
        seed: Of every run. Proposals also depend on where the study was interrupted.
        make_trainer: What trains a trial.

    Raises:
        RunError: If the folder holds a study of another recipe, seed, data, precision or validation size.
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
        # Each start draws on from a seed of its own, or a study that goes on would propose its beginning again.
        self.study.sampler = optuna.samplers.TPESampler(seed=seed + len(self.study.trials), n_startup_trials=5)
        self._check_identity()
        self._take_up_interrupted()

    @property
    def finished(self) -> list[FrozenTrial]:
        """The trials that ran to their end or were stopped as hopeless."""
        return self.study.get_trials(states=FINISHED)

    def run(self, trials: int, tell: Callable[[str], None]) -> FrozenTrial:
        """Go on until so many trials are finished, and return the best.

        Args:
            trials: All together, earlier ones included.
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
        """Queue the trials again that broke off, each in the folder it had."""
        in_folder = {trial.user_attrs.get(FOLDER): trial for trial in self.study.get_trials()}  # the last one counts
        for folder, trial in in_folder.items():
            if trial.state is TrialState.RUNNING:  # of a process that is no more
                self.study.tell(trial.number, state=TrialState.FAIL)
            if folder is not None and trial.state in (TrialState.RUNNING, TrialState.FAIL):
                self.study.enqueue_trial(trial.params, user_attrs={FOLDER: folder})

    def _write_trials(self) -> None:
        """Write one CSV row a finished trial."""
        with (self.out_dir / TRIALS).open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([FOLDER, "state", "epochs", "val_accuracy", *SEARCHED])
            for trial in self.finished:
                numbers = [trial.params[name] for name in SEARCHED]
                state = trial.state.name.lower()
                writer.writerow([trial.user_attrs[FOLDER], state, trial.last_step, _accuracy(trial), *numbers])


def describe(trial: FrozenTrial) -> str:
    """Say in one line where a trial's run lies, how far it came and what it changed."""
    numbers = ", ".join(f"{name} {value:.4g}" for name, value in trial.params.items())
    ended = f"{trial.state.name.lower()} after epoch {trial.last_step}"
    return f"{trial.user_attrs[FOLDER]}: {_accuracy(trial):.2%} of PublicTest, {ended}: {numbers}"


def _accuracy(trial: FrozenTrial) -> float:
    """Of its last epoch; not a number where it broke off before the end of the first."""
    return float("nan") if trial.last_step is None else trial.intermediate_values[trial.last_step]
