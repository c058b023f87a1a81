"""A run's history: one CSV row per epoch."""

import csv
from dataclasses import asdict, dataclass
from pathlib import Path

HISTORY = "history.csv"


@dataclass(frozen=True)
class EpochRow:
    """One row of history.csv: losses are mean cross-entropies in nats, accuracies shares of 1, rates per step.

    The two losses are not comparable: Training's is against the recipe's targets, which may blend label, votes and
    teachers, with augmentation and dropout; PublicTest's is against FER2013's labels, with neither. Both accuracies are
    against the labels.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float
    learning_rate: float
    size_px: int
    seconds: float

    @property
    def summary(self) -> str:
        """A human-readable line."""
        return (
            f"epoch {self.epoch}: train loss {self.train_loss:.4f} accuracy {self.train_accuracy:.4f}, "
            f"val loss {self.val_loss:.4f} accuracy {self.val_accuracy:.4f}, {self.seconds:.0f} s"
        )


def write_history(history: list[EpochRow], path: Path) -> None:
    """Write one CSV row per epoch."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(EpochRow.__annotations__))
        writer.writeheader()
        writer.writerows({**asdict(row), "seconds": round(row.seconds, 1)} for row in history)
