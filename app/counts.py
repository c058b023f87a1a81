"""What has been seen so far: counts of answers, as the API writes them."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from app.api.wire.table import FAULTS
from app.manifest import LABELS
from app.plural import counted


class Counts(BaseModel):
    """Counts of one output or report, over all runs that wrote it.

    Attributes:
        pictures: All, whatever came of them.
        faces: In all pictures.
        without: Pictures without a face.
        unclear: Faces whose answer is unclear; they are counted in `expressions`, too.
        expressions: Label -> faces that show it most.
        sums: Label -> sum of its probabilities over all faces.
        failures: Error code -> pictures.
    """

    pictures: int = 0
    faces: int = 0
    without: int = 0
    unclear: int = 0
    expressions: Counter[str] = Counter()
    sums: dict[str, float] = dict.fromkeys(LABELS, 0.0)
    failures: Counter[str] = Counter()

    def add(self, answer: Mapping[str, Any]) -> None:
        """Count a picture by its answer."""
        self.pictures += 1
        self.failures.update([answer[fault]["code"] for fault in FAULTS if fault in answer][:1])
        if "error" in answer:
            return
        self.without += not answer["faces"]
        for face in answer["faces"]:
            self.faces += 1
            self.unclear += face["unclear"]
            self.expressions[face["emotion"]] += 1
            for label in LABELS:
                self.sums[label] += face["probabilities"][label]

    @property
    def failed(self) -> int:
        """Pictures that could not be answered, or whose drawing failed."""
        return self.failures.total()

    @property
    def shares(self) -> dict[str, float]:
        """The mean probability of each expression over all faces."""
        return {label: total / max(self.faces, 1) for label, total in self.sums.items()}

    def summary(self, rate: float) -> str:
        """Return the closing lines.

        Args:
            rate: Pictures a second.
        """
        lines = [
            f"{counted(self.pictures, 'picture')}, {counted(self.faces, 'face')}, {self.without:,} without a face, "
            f"{self.failed:,} failed, {rate:.1f} pictures a second"
        ]
        if self.faces:
            shares = ", ".join(f"{label} {count / self.faces:.1%}" for label, count in self.expressions.most_common())
            lines.append(f"faces: {shares}; unclear {self.unclear / self.faces:.1%}")
        if self.failures:
            lines.append("failed: " + ", ".join(f"{code} {count}" for code, count in self.failures.most_common()))
        return "\n".join(lines)
