"""The folder `OUT.parts`: finished parts of an output, the names of all its pictures, and how far it has come.

It can be read at any time: `part-NNNNNN.*` are whole files, and names that begin with `_` are left out by what reads
folders of Parquet.
"""

import fcntl
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from app.batch.durable import replace, to_disk, whole_file
from app.batch.sources import Name
from app.batch.tables import Row, Table
from app.errors import InvalidRequest
from app.report.summary import Summary

OURS = re.compile(r"_.*|part-\d+\.(parquet|csv|jsonl)")
MANIFEST, NAMES, LOCK, JOINED = "_manifest.json", "_names.jsonl", "_lock", "_joined"


class State(BaseModel):
    """The manifest: what is being made and how far it has come.

    Attributes:
        job: All that the rows depend on; the same command must find it again.
        part_names: Pictures of one part.
        names: All pictures.
        parts: Finished parts.
        seen: In the finished parts.
        joined: Identifies the file that was joined from the parts, just before it gets its name.
    """

    job: dict[str, Any]
    part_names: int
    names: int
    parts: int = 0
    seen: Summary = Summary()
    joined: int | None = None

    @property
    def complete(self) -> bool:
        """Whether all parts are there."""
        return self.parts * self.part_names >= self.names


class Parts:
    """The parts of one output; use only within `locked`.

    Args:
        out: The output.
        table: Its kind.
    """

    def __init__(self, out: Path, table: Table) -> None:
        self.folder = parts_of(out)
        self._out, self._table = out, table

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Make the folder and keep every other run out of it.

        Raises:
            InvalidRequest: If another run is in it, or it holds files that are not from here.
            OSError: If it cannot be made.
        """
        self.folder.mkdir(exist_ok=True)
        if strange := sorted(each.name for each in self.folder.iterdir() if not OURS.fullmatch(each.name)):
            raise InvalidRequest(f"{self.folder} holds {strange[0]}, which is not from here: choose another --out.")
        with (self.folder / LOCK).open("ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                mine = os.path.samestat(os.fstat(lock.fileno()), (self.folder / LOCK).stat())
            except (BlockingIOError, FileNotFoundError):
                mine = False
            if not mine:
                raise InvalidRequest(f"Another mien batch is writing {self._out}; wait for its end.")
            try:
                yield
            finally:
                if not (self.folder / MANIFEST).exists():  # nothing was begun, or all is done
                    shutil.rmtree(self.folder, ignore_errors=True)

    def clear(self) -> None:
        """Forget all parts."""
        for each in self.folder.iterdir():
            if each.name != LOCK:
                each.unlink()

    def state(self, job: dict[str, Any]) -> State | None:
        """Read how far an earlier run has come; None if there was none.

        Raises:
            InvalidRequest: If that run made something else.
        """
        try:
            state = State.model_validate_json((self.folder / MANIFEST).read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError as error:
            raise InvalidRequest(f"{self.folder / MANIFEST} is damaged: --fresh begins anew.") from error
        if state.job != job:
            names = [name for name in state.job | job if state.job.get(name) != job.get(name)]
            other = "; ".join(_difference(name, state.job.get(name), job.get(name)) for name in names)
            raise InvalidRequest(
                f"{self.folder} was begun otherwise ({other}). The same command goes on; --fresh begins anew."
            )
        return state

    def begin(self, job: dict[str, Any], names: Iterable[Name], part_names: int) -> State:
        """Freeze the names, and write the first manifest.

        Raises:
            InvalidRequest: If there is no name.
            OSError: If there is no room.
        """
        count = 0
        with whole_file(self.folder / NAMES) as file:
            for name in names:
                file.write(name.line())
                count += 1
        if not count:
            raise InvalidRequest("There is no picture in these sources.")
        state = State(job=job, part_names=part_names, names=count)
        self._save(state)
        return state

    def names(self, first: int) -> Iterator[Name]:
        """Yield the names from this place on."""
        with (self.folder / NAMES).open("rb") as file:
            yield from map(Name.of_line, islice(file, first, None))

    @property
    def began(self) -> datetime:
        """When the names were taken, in the time zone of this machine."""
        return datetime.fromtimestamp((self.folder / NAMES).stat().st_mtime).astimezone()

    def add(self, state: State, rows: list[Row]) -> None:
        """Write the next part, then say in the manifest that it is there; `state` has what it saw already.

        Killed in between, the same part is written once more.
        """
        with whole_file(self._part(state.parts)) as file:
            self._table.write(rows, file)
        state.parts += 1
        self._save(state)

    def check_output_free(self, state: State | None) -> None:
        """See that the output's name is free, or the file there is what an earlier run has joined.

        Raises:
            InvalidRequest: If there is another file.
        """
        if self._out.exists() and not (state and self._is_joined(state)):
            raise InvalidRequest(f"{self._out} exists already and is not overwritten; move it away to go on.")

    def join(self, state: State) -> None:
        """Make the output from the parts.

        Raises:
            InvalidRequest: If there is another file of this name by now.
            OSError: If there is no room; the parts stay.
        """
        if not self._is_joined(state):
            joined = self.folder / JOINED
            with joined.open("wb") as file:
                self._table.join((self._part(number) for number in range(state.parts)), file)
                to_disk(file)
            self.check_output_free(state)
            state.joined = joined.stat().st_ino
            self._save(state)
            replace(joined, self._out)

    def remove(self) -> None:
        """Remove the parts."""
        shutil.rmtree(self.folder)

    def _is_joined(self, state: State) -> bool:
        return self._out.exists() and self._out.stat().st_ino == state.joined

    def _part(self, number: int) -> Path:
        return self.folder / f"part-{number:06}{self._out.suffix.lower()}"

    def _save(self, state: State) -> None:
        with whole_file(self.folder / MANIFEST) as file:
            file.write(state.model_dump_json(indent=1).encode())


def parts_of(out: Path) -> Path:
    """Return the folder of an output's parts."""
    return out.with_name(f"{out.name}.parts")


def _difference(name: str, before: Any, now: Any) -> str:
    return f"other {name}" if name == "sources" else f"{name} was {before}, is {now}"
