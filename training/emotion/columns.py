"""Tables whose columns are named as people's copies have them: with spaces, in any case, after a byte-order mark."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from training.errors import DataError


def records(path: Path, columns: Sequence[str], what: str) -> Iterator[tuple[int, dict[str, str | None]]]:
    """Yield each record of a CSV file with the number of its last line.

    Args:
        path: UTF-8.
        columns: Those that it must have, as the records name them; more are passed over.
        what: What the file should be, for the error.

    Raises:
        DataError: If a column is missing.
        UnicodeDecodeError, csv.Error: If it is no such table.
    """
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        found = {_plain(name): name for name in reader.fieldnames or ()}
        if missing := [name for name in columns if _plain(name) not in found]:
            raise DataError(
                f"{path} is not {what}: it has no column {', '.join(missing)}; its columns must be "
                f"{', '.join(columns)}."
            )
        for record in reader:
            values = {name: record[found[_plain(name)]] for name in columns}
            yield reader.line_num, {name: value and value.strip() for name, value in values.items()}


def _plain(name: str) -> str:
    return name.strip().casefold()
