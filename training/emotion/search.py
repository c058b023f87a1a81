"""Search the numbers of a recipe: short runs judged on PublicTest, the hopeless ones stopped early.

Short runs favour what learns fast; what holds back overfitting shows in long ones only. So a search says where to
begin, and a whole run decides.
"""

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from training.emotion.data import EmotionSplit
from training.emotion.recipe import Recipe
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
FOLDER = "folder"
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)

SEARCHED: dict[str, tuple[float, float, bool]] = {
    "learning_rate": (0.0003, 0.005, True),
    "weight_decay": (0.005, 0.3, True),
    "dropout": (0.0, 0.3, False),
    "ferplus_weight": (0.0, 0.6, False),
}
"""Of each number of the recipe the lowest and the highest value, and whether it is drawn on a logarithmic scale."""


class RecipeSearch:
    """A study in one folder, which goes on where it was stopped: an interrupted trial after its last whole epoch.

    The first trial is the recipe itself; then Optuna's tree-structured Parzen estimator proposes, and a run that is
    below the median of the earlier ones at the same epoch ends.

    Args:
        recipe: What the trials change.
        train: The Training split.
        val: The PublicTest split; its accuracy after the last epoch is what is maximised.
        out_dir: Of the study, and of one run for each trial.
        device: Where to compute.
        seed: Of every run, and of the proposals.

    Raises:
        RunError: If the folder holds a study of another recipe, seed or number of pictures.

    References:
        Akiba et al., "Optuna", arXiv:1907.10902; Bergstra et al., "Algorithms for Hyper-Parameter Optimization",
        NIPS 2011, section 4.
    """

    def __init__(
        self, recipe: Recipe, train: EmotionSplit, val: EmotionSplit, out_dir: Path, device: torch.device, seed: int = 0
    ) -> None:
        self.recipe, self.train, self.val = recipe, train, val
        self.out_dir, self.device, self.seed = out_dir, device, seed
        out_dir.mkdir(parents=True, exist_ok=True)
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        journal = JournalStorage(JournalFileBackend(str(out_dir / JOURNAL)))
        self.study = optuna.create_study(
            storage=journal, study_name=recipe.name, direction="maximize", load_if_exists=True,
            pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=1),
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
            state = trial.state.name.lower()
            tell(f"trial {trial.number}: {_accuracy(trial):.2%} of PublicTest, {state}, {trial.params}")

        self.study.optimize(self._objective, n_trials=max(0, trials - len(self.finished)), callbacks=[after])
        return self.study.best_trial

    def _objective(self, trial: Trial) -> float:
        chosen: dict[str, Any] = {
            name: trial.suggest_float(name, low, high, log=log) for name, (low, high, log) in SEARCHED.items()
        }
        run_dir = self.out_dir / trial.user_attrs.get(FOLDER, f"trial-{trial.number:03}")
        trial.set_user_attr(FOLDER, run_dir.name)
        trainer = Trainer(replace(self.recipe, **chosen), self.train, self.val, run_dir, self.device, self.seed)
        for epoch in range(1, self.recipe.epochs + 1):
            accuracy = trainer.fit(until_epoch=epoch)[epoch - 1].val_accuracy
            trial.report(accuracy, epoch)
            if trial.should_prune():
                raise optuna.TrialPruned
        return accuracy

    def _check_identity(self) -> None:
        identity = {
            "recipe": repr(self.recipe),
            "seed": self.seed,
            "pictures": [len(self.train), len(self.val)],
        }
        known = self.study.user_attrs or identity
        if known != identity:
            other = next(name for name in identity if known.get(name) != identity[name])
            raise RunError(f"{self.out_dir} holds a search with another {other}: use the same or a new folder.")
        if not self.study.user_attrs:
            for name, value in identity.items():
                self.study.set_user_attr(name, value)
            self.study.enqueue_trial({name: getattr(self.recipe, name) for name in SEARCHED})

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
            writer.writerow(["trial", "state", "epochs", "val_accuracy", *SEARCHED])
            for trial in self.finished:
                numbers = [trial.params[name] for name in SEARCHED]
                writer.writerow([trial.number, trial.state.name.lower(), trial.last_step, _accuracy(trial), *numbers])


def _accuracy(trial: FrozenTrial) -> float:
    """Of its last epoch; not a number where it ended before the first."""
    return float("nan") if trial.last_step is None else trial.intermediate_values[trial.last_step]
