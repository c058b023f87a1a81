"""The answers of `mien detect`: JSON lines or a table, and a closing line."""

import csv
import json
import time
from typing import IO, Any

from app.api.wire.table import FAULTS, PLAIN, Columns, rows_of
from app.names import shown


class Answers:
    """Writes answers as they come, and counts them.

    Args:
        file: Open text file.
        as_csv: A table as the API gives it, `app.api.wire.table`; else JSON lines.
        columns: Of the table.
    """

    def __init__(self, file: IO[str], as_csv: bool, columns: Columns = PLAIN) -> None:
        self._file, self._columns = file, columns
        self._csv = csv.DictWriter(file, self._columns.names, lineterminator="\n") if as_csv else None
        self._began_s = time.monotonic()
        self.pictures = self.faces = self.without = self.failed = 0
        if self._csv is not None:
            self._csv.writeheader()

    def write(self, name: str, answer: dict[str, Any]) -> None:
        """Write the answer for one file, as `app.looking.Looker` gives it, and flush it."""
        found = answer.get("faces")
        self.pictures += 1
        self.failed += not answer.keys().isdisjoint(FAULTS)
        self.faces += len(found or ())
        self.without += found == []
        name = shown(name)
        if self._csv is not None:
            self._csv.writerows(rows_of(name, answer, self._columns))
        else:
            self._file.write(json.dumps({"file": name, **answer}) + "\n")
        self._file.flush()

    def summary(self) -> str:
        """Return the closing line."""
        rate = self.pictures / max(time.monotonic() - self._began_s, 1e-9)
        return (
            f"{self.pictures} pictures, {self.faces} faces, {self.without} without a face, {self.failed} failed, "
            f"{rate:.1f} pictures a second"
        )
