"""`mien batch`: any number of pictures into one table, going on where it was broken off."""

import io
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from app import __version__
from app.api.wire.table import NOTHING, Further, columns_with, values_of
from app.batch.durable import whole_file
from app.batch.here import Answered, Limits, Looking, Networks
from app.batch.looks import GROUP
from app.batch.parts import Parts, State, parts_of
from app.batch.report import thumbs_of
from app.batch.sources import Sources
from app.batch.tables import KINDS, Row, table_of
from app.counts import Counts
from app.faces.types import DetectOptions
from app.names import shown
from app.outputs import check_output, check_report
from app.pictures.workers import Workers
from app.report.many import write_many_report
from app.report.summary import Summary

PART_NAMES = 512
"""Pictures of a part: at most so many are looked at again after a kill."""

Tell = Callable[[Counts, int], None]
"""Told after each group what has been seen, and how many pictures there are."""


class Batch:
    """One run.

    Args:
        given: As in `app.batch.sources.Sources`.
        out: New .parquet, .csv or .jsonl file.
        options: For every picture.
        limits: Bounds.
        stdin: Standard input.
        part_names: Pictures of a part.
        further: What the options ask besides the emotion, with its labels.
        report: New HTML file, or a folder for it; None for none.
        with_pictures: Whether it may show faces.

    Raises:
        InvalidRequest: If the sources or an output cannot be.
    """

    def __init__(
        self,
        given: Sequence[str],
        out: Path,
        options: DetectOptions,
        limits: Limits,
        stdin: IO[bytes],
        part_names: int = PART_NAMES,
        further: Further = NOTHING,
        report: Path | None = None,
        with_pictures: bool = False,
    ) -> None:
        self._given, self._out = given, out
        self._options, self._limits, self._part_names = options, limits, part_names
        check_output(out, "rows are", KINDS, new=not parts_of(out).is_dir())
        self._report, self._with_pictures = check_report(report, with_pictures), with_pictures
        self._parts = Parts(out, table_of(out, columns_with(further)))
        self._sources = Sources(given, stdin, limits.max_bytes)

    def run(self, looking: Looking, fresh: bool, tell: Tell) -> str:
        """Look at all pictures that no earlier run has answered.

        Args:
            looking: Looks at them, with the same options and limits.
            fresh: Begin anew, whatever earlier runs have left.
            tell: Hears of the progress.

        Returns:
            The closing lines.

        Raises:
            MienError: If there is nothing to look at, an earlier run made something else, another run writes the same
                output, or the networks cannot run. What is finished stays for the next run.
            OSError: If something cannot be written; likewise.
        """
        with self._parts.locked():
            if fresh:
                self._parts.clear()
            networks = looking.start()
            job = self._job(networks)
            state = self._parts.state(job)
            self._parts.check_output_free(state)
            state = state or self._parts.begin(job, self._sources.names(), self._part_names)
            before, began_s = state.seen.counts.pictures, time.monotonic()
            self._look(looking, state, tell)
            rate = (state.seen.counts.pictures - before) / max(time.monotonic() - began_s, 1e-9)
            self._parts.join(state)
            self._tell(networks, state)
            self._parts.remove()
        return state.seen.counts.summary(rate)

    def _job(self, networks: Networks) -> dict[str, Any]:
        """Return all that the rows depend on."""
        return {
            "version": __version__,
            **networks.models.model_dump(),
            "runtime": networks.runtime,
            "pictures_at_once": GROUP,
            "max_bytes": self._limits.max_bytes,
            "max_pixels": self._limits.max_pixels,
            **asdict(self._options),
            "attributes": list(self._options.attributes),  # as JSON has it
            "sources": self._sources.digest(),
        }

    def _look(self, looking: Looking, state: State, tell: Tell) -> None:
        """Write the parts that are not there yet."""
        names = self._parts.names(state.parts * state.part_names)
        with closing(looking.answered(names, state.part_names)) as answered:
            tell(state.seen.counts, state.names)
            while not state.complete:
                state.seen, rows = self._part_of(answered, state, tell)
                self._parts.add(state, rows)

    def _part_of(self, answered: Iterator[list[Answered]], state: State, tell: Tell) -> tuple[Summary, list[Row]]:
        """Return the rows of the next part, and what has been seen with them."""
        rows: list[Row] = []
        seen = state.seen.model_copy(deep=True)
        last = min((state.parts + 1) * state.part_names, state.names)
        while seen.counts.pictures < last:
            for name, answer in next(answered):
                seen.add(name, answer)
                rows.extend(values_of(name, answer))
            tell(seen.counts, state.names)
        return seen, rows

    def _tell(self, networks: Networks, state: State) -> None:
        """Write the report, if one is wanted."""
        if self._report is None:
            return
        limits, text = self._limits, io.StringIO()
        examples = state.seen.examples if self._with_pictures else ()
        with Workers() as workers:
            thumbs = thumbs_of(examples, self._parts.names(0), limits.max_bytes, limits.max_pixels, workers)
        sources = [shown(each) for each in self._given]
        write_many_report(text, sources, self._parts.began, networks.models, state.seen, thumbs, self._out.name)
        check_report(self._report, with_pictures=False)  # nothing may have come there meanwhile
        with whole_file(self._report) as file:
            file.write(text.getvalue().encode())
