"""What has been seen so far."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel


class Counts(BaseModel):
    """Counts of one output, over all runs that wrote it.

    Attributes:
        pictures: All, whatever came of them.
        faces: In all pictures.
        without: Pictures without a face.
        expressions: Label -> faces that show it most.
        failures: Error code -> pictures.
    """

    pictures: int = 0
    faces: int = 0
    without: int = 0
    expressions: Counter[str] = Counter()
    failures: Counter[str] = Counter()

    def add(self, answer: Mapping[str, Any]) -> None:
        """Count a picture by its answer."""
        self.pictures += 1
        if "error" in answer:
            self.failures[answer["error"]["code"]] += 1
            return
        self.faces += len(answer["faces"])
        self.without += not answer["faces"]
        self.expressions.update(face["emotion"] for face in answer["faces"])

    @property
    def failed(self) -> int:
        """Pictures that could not be answered."""
        return self.failures.total()

    def summary(self, rate: float) -> str:
        """Return the closing lines.

        Args:
            rate: Pictures a second.
        """
        lines = [
            f"{self.pictures} pictures, {self.faces} faces, {self.without} without a face, {self.failed} failed, "
            f"{rate:.1f} pictures a second"
        ]
        if self.faces:
            shares = (f"{label} {count / self.faces:.1%}" for label, count in self.expressions.most_common())
            lines.append("faces: " + ", ".join(shares))
        if self.failures:
            lines.append("failed: " + ", ".join(f"{code} {count}" for code, count in self.failures.most_common()))
        return "\n".join(lines)
