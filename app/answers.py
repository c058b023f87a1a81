"""The answers of `mien detect`: JSON lines or a table, and closing lines."""

import csv
import json
import time
from typing import IO, Any

from app.api.wire.table import PLAIN, Columns, rows_of
from app.counts import Counts
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
        self.counts = Counts()
        if self._csv is not None:
            self._csv.writeheader()

    def write(self, name: str, answer: dict[str, Any]) -> None:
        """Write the answer for one file, as `app.looking.Looker` gives it, and flush it."""
        self.counts.add(answer)
        name = shown(name)
        if self._csv is not None:
            self._csv.writerows(rows_of(name, answer, self._columns))
        else:
            self._file.write(json.dumps({"file": name, **answer}) + "\n")
        self._file.flush()

    def summary(self) -> str:
        """Return the closing lines."""
        return self.counts.summary(self.counts.pictures / max(time.monotonic() - self._began_s, 1e-9))
