"""The kinds of output: how the rows of one part are written, and how parts become one file."""

import csv
import io
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Protocol

from app.api.wire.table import TRUTHS, Columns, csv_row
from app.errors import InvalidRequest

KINDS = (".parquet", ".csv", ".jsonl")

INTEGERS = ("image_width", "image_height", "face", "rotation_deg")
PIXELS = ("x", "y", "width", "height", "crop_px")

ROWS_AT_ONCE = 100_000
"""Rows of one row group of a joined Parquet file, at least: so that a million pictures are read in a few steps."""

Row = Mapping[str, Any]


class Table(Protocol):
    """One kind of output."""

    def write(self, rows: Sequence[Row], file: IO[bytes]) -> None:
        """Write one part, a whole file of its kind.

        Args:
            rows: By the names of the columns; what a row lacks is empty.
            file: Open for writing.
        """

    def join(self, parts: Iterable[Path], file: IO[bytes]) -> None:
        """Write one file with the rows of all parts, in order; memory does not grow with their number."""


class Csv:
    """As the API gives it: shares with four decimals.

    Args:
        columns: Of the rows.
    """

    def __init__(self, columns: Columns) -> None:
        self._columns = columns

    def write(self, rows: Sequence[Row], file: IO[bytes]) -> None:
        """See `Table`."""
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        lines = csv.DictWriter(text, self._columns.names, lineterminator="\n")
        lines.writeheader()
        lines.writerows(csv_row(row, self._columns) for row in rows)
        text.detach()

    def join(self, parts: Iterable[Path], file: IO[bytes]) -> None:
        """See `Table`."""
        for number, path in enumerate(parts):
            with path.open("rb") as part:
                header = part.readline()
                if number == 0:
                    file.write(header)
                shutil.copyfileobj(part, file)


class JsonLines:
    """One JSON object a row, with all columns and all decimals.

    Args:
        columns: Of the rows.
    """

    def __init__(self, columns: Columns) -> None:
        self._columns = columns

    def write(self, rows: Sequence[Row], file: IO[bytes]) -> None:
        """See `Table`."""
        for row in rows:
            file.write(json.dumps({name: row.get(name) for name in self._columns.names}).encode() + b"\n")

    def join(self, parts: Iterable[Path], file: IO[bytes]) -> None:
        """See `Table`."""
        for path in parts:
            with path.open("rb") as part:
                shutil.copyfileobj(part, file)


class Parquet:
    """Typed columns with all decimals.

    Args:
        columns: Of the rows.

    Raises:
        ModuleNotFoundError: If pyarrow is not installed.
    """

    def __init__(self, columns: Columns) -> None:
        import pyarrow
        import pyarrow.parquet

        self._arrow, self._parquet = pyarrow, pyarrow.parquet
        types = dict.fromkeys(INTEGERS, pyarrow.int32()) | dict.fromkeys((*columns.shares, *PIXELS), pyarrow.float64())
        types |= dict.fromkeys(TRUTHS, pyarrow.bool_())
        self._schema = pyarrow.schema([(name, types.get(name, pyarrow.string())) for name in columns.names])

    def write(self, rows: Sequence[Row], file: IO[bytes]) -> None:
        """See `Table`."""
        self._parquet.write_table(self._arrow.Table.from_pylist(rows, self._schema), file)

    def join(self, parts: Iterable[Path], file: IO[bytes]) -> None:
        """See `Table`."""
        with self._parquet.ParquetWriter(file, self._schema) as writer:
            gathered: list[Any] = []
            for path in parts:
                gathered.append(self._parquet.read_table(path, schema=self._schema))
                if sum(each.num_rows for each in gathered) >= ROWS_AT_ONCE:
                    writer.write_table(self._arrow.concat_tables(gathered))
                    gathered = []
            if gathered:
                writer.write_table(self._arrow.concat_tables(gathered))


def table_of(out: Path, columns: Columns) -> Table:
    """Return the kind that a name, checked against `KINDS`, means.

    Args:
        out: The output.
        columns: Of its rows.

    Raises:
        InvalidRequest: If what writes it is not installed.
    """
    if out.suffix.lower() != ".parquet":
        return Csv(columns) if out.suffix.lower() == ".csv" else JsonLines(columns)
    try:
        return Parquet(columns)
    except ModuleNotFoundError as missing:
        raise InvalidRequest(
            f"{missing.name} is not installed, which writes Parquet: run pip install -e '.[batch]' in Mien's sources, "
            "or choose a name that ends in .csv or .jsonl."
        ) from missing
