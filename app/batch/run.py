"""`mien batch`: any number of pictures into one table, going on where it was broken off."""

import io
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

from app import __version__
from app.api.wire.schemas import model_names
from app.api.wire.table import NOTHING, Further, columns_with, values_of
from app.batch.ahead import Decoders, Opened
from app.batch.durable import whole_file
from app.batch.looks import GROUP, answers, groups
from app.batch.parts import Parts, State, parts_of
from app.batch.payloads import payloads
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
from app.serving.inference import Inference, VisionPipeline
from app.serving.observer import SilentObserver

PART_NAMES = 512
"""Pictures of a part: at most so many are looked at again after a kill."""

Tell = Callable[[Counts, int], None]
"""Told after each group what has been seen, and how many pictures there are."""


@dataclass(frozen=True)
class Limits:
    """Bounds of a run.

    Attributes:
        max_bytes: Largest picture file.
        max_pixels: Largest width x height.
        held_pixels: Most that pictures decoded ahead take, in pixels of 3 bytes.
        threads: How many decode.
    """

    max_bytes: int
    max_pixels: int
    held_pixels: int
    threads: int


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

    def run(self, load: Callable[[], VisionPipeline], fresh: bool, tell: Tell) -> str:
        """Look at all pictures that no earlier run has answered.

        Args:
            load: Makes the pipeline.
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
            inference = Inference(load, SilentObserver())
            inference.load()
            job = self._job(inference)
            state = self._parts.state(job)
            self._parts.check_output_free(state)
            state = state or self._parts.begin(job, self._sources.names(), self._part_names)
            before, began_s = state.seen.counts.pictures, time.monotonic()
            with Workers() as workers:
                self._look(inference, state, workers, tell)
                rate = (state.seen.counts.pictures - before) / max(time.monotonic() - began_s, 1e-9)
                self._parts.join(state)
                self._tell(inference, state, workers)
            self._parts.remove()
        return state.seen.counts.summary(rate)

    def _job(self, inference: Inference) -> dict[str, Any]:
        """Return all that the rows depend on."""
        names = model_names(inference.manifest, self._options.attributes)
        return {
            "version": __version__,
            **names.model_dump(),
            "runtime": inference.runtime,
            "pictures_at_once": GROUP,
            "max_bytes": self._limits.max_bytes,
            "max_pixels": self._limits.max_pixels,
            **asdict(self._options),
            "attributes": list(self._options.attributes),  # as JSON has it
            "sources": self._sources.digest(),
        }

    def _look(self, inference: Inference, state: State, workers: Workers, tell: Tell) -> None:
        limits = self._limits
        decoders = Decoders(limits.threads, limits.max_pixels, limits.held_pixels, workers)
        reads = payloads(self._parts.names(state.parts * state.part_names), limits.max_bytes)
        with closing(decoders.opened(reads)) as pictures:
            tell(state.seen.counts, state.names)
            while not state.complete:
                part = islice(pictures, state.part_names)
                state.seen, rows = self._look_at(part, inference, state, tell)
                self._parts.add(state, rows)

    def _look_at(
        self, part: Iterator[Opened], inference: Inference, state: State, tell: Tell
    ) -> tuple[Summary, list[Row]]:
        """Return the rows of one part, and what has been seen with them."""
        rows: list[Row] = []
        seen = state.seen.model_copy(deep=True)
        for group in groups(part, self._limits.max_pixels):
            for picture, answer in zip(group, answers(inference, group, self._options), strict=True):
                seen.add(picture.name, answer)
                rows.extend(values_of(picture.name, answer))
            tell(seen.counts, state.names)
        return seen, rows

    def _tell(self, inference: Inference, state: State, workers: Workers) -> None:
        """Write the report, if one is wanted."""
        if self._report is None:
            return
        limits, text = self._limits, io.StringIO()
        examples = state.seen.examples if self._with_pictures else ()
        thumbs = thumbs_of(examples, self._parts.names(0), limits.max_bytes, limits.max_pixels, workers)
        networks = model_names(inference.manifest)
        sources = [shown(each) for each in self._given]
        write_many_report(text, sources, self._parts.began, networks, state.seen, thumbs, self._out.name)
        check_report(self._report, with_pictures=False)  # nothing may have come there meanwhile
        with whole_file(self._report) as file:
            file.write(text.getvalue().encode())
