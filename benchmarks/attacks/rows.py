"""Writes the figures of single attacks into a page of the docs, a row each; rows of other attacks stay.

So all attacks can be measured in portions, as a machine is quiet.
"""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.attacks.catalogue import all_attacks
from benchmarks.attacks.measure import Figures
from benchmarks.attacks.report import table
from benchmarks.between import write_between

BEGINNING = "<!-- each attack: written by python -m benchmarks.attacks --page -->"
END = "<!-- each attack: end -->"
ROW = "| `"


def write_rows(page: Path, measured: Sequence[Figures], conditions: str) -> None:
    """Write or replace the rows of some attacks, all in the order of the catalogue.

    Args:
        page: Has the two markers.
        measured: The attacks; at least one.
        conditions: Of this measurement.

    Raises:
        ValueError: If the page has no markers.
    """
    before = page.read_text().partition(BEGINNING)[2].partition(END)[0]
    lines = table(measured).splitlines()
    rows = _rows(before.splitlines()) | _rows(lines)
    head, legend = lines[:2], lines[-1]
    ordered = [rows[name] for name in all_attacks() if name in rows]
    write_between(page, BEGINNING, END, "\n".join([f"Last measured: {conditions}", "", *head, *ordered, "", legend]))


def _rows(lines: Sequence[str]) -> dict[str, str]:
    return {line.split("`")[1]: line for line in lines if line.startswith(ROW)}
