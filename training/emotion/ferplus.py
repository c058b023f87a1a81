"""The FER+ votes: ten annotators' answers for each picture of FER2013."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from app.manifest import LABELS
from training.emotion.columns import records
from training.errors import DataError

FERPLUS_COLUMNS: dict[str, str] = {
    "angry": "anger",
    "happy": "happiness",
    "sad": "sadness",
    "surprise": "surprise",
    "neutral": "neutral",
}
"""The FER+ column for each of our labels (Barsoum et al. 2016, arXiv:1608.01041)."""

FERPLUS_VOTES: tuple[str, ...] = (
    "neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "NF",
)  # fmt: skip
"""All vote columns, ten annotators together; NF: no face."""

WHAT = "a table of FER+ votes"


@dataclass(frozen=True)
class Votes:
    """FER+ data of one picture: votes for our labels, and the position of the majority, or -1."""

    counts: tuple[float, ...] = (0.0,) * len(LABELS)
    majority: int = -1


def votes_by_path(path: Path) -> dict[str, Votes]:
    """Return the votes by picture path, in lower case; none if the file is missing."""
    if not path.is_file():
        return {}
    table = records(path, ("path", *FERPLUS_VOTES), WHAT)
    return {(record["path"] or "").casefold(): _votes(record, path) for _, record in table}


def votes_in_order(path: Path) -> Iterator[tuple[str, Votes]]:
    """Yield usage and votes of each picture, in the order of fer2013.csv."""
    for _, record in records(path, ("Usage", *FERPLUS_VOTES), WHAT):
        yield record["Usage"] or "", _votes(record, path)


def _votes(record: Mapping[str, str | None], path: Path) -> Votes:
    try:
        counts = {name: float(record[name] or "") for name in FERPLUS_VOTES}
    except ValueError as error:
        raise DataError(f"{path}: {record} does not hold a number of votes in every column.") from error
    winners = [name for name, count in counts.items() if count == max(counts.values())]
    columns = list(FERPLUS_COLUMNS.values())
    majority = columns.index(winners[0]) if len(winners) == 1 and winners[0] in columns else -1
    return Votes(tuple(counts[FERPLUS_COLUMNS[label]] for label in LABELS), majority)
