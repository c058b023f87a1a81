"""Pictures looked at by the machines of a Ray cluster, through Ray Data.

What travels are names and answers: each actor reads the pictures itself and has a pipeline of its own. A part is one
piece of work, so that its answers are those of a run without Ray, and one that is lost with its machine is looked at by
another. See docs/decisions/0052.
"""

import json
import logging
import os
import socket
from collections.abc import Callable, Generator, Iterator
from itertools import islice
from typing import Any

from app.batch.here import Answered, Here, Limits, Networks
from app.batch.sources import Name
from app.errors import InvalidRequest, MienError, RuntimeUnavailable
from app.faces.types import DetectOptions
from app.serving.inference import VisionPipeline

LOCAL = "local"
"""The address of a cluster that is made of this machine, for this run."""

STORE_BYTES = 200_000_000
"""Of the object store of such a cluster: names and answers need little."""

PATIENCE_S = 10.0
"""Longest time to wait for a cluster to take a connection."""

LOST_AT_START = 3
"""So many actors in a row may be lost with their machines while they load the networks."""

NAMES, ANSWERS, FAULT = "names", "answers", "fault"
"""The columns of the data set."""


class Actor:
    """Looks at parts, on any machine of the cluster; loads the networks when it gets the first one.

    Args:
        here: Looks at them.
        wanted: What must run there.
    """

    def __init__(self, here: Here, wanted: Networks) -> None:
        self._here, self._wanted, self._started = here, wanted, False

    def __call__(self, rows: dict[str, Any]) -> dict[str, list[Any]]:
        """Look at the parts in a batch of rows; what keeps it from that is told in their place."""
        told = [self._look(lines) for lines in rows[NAMES]]
        return {ANSWERS: [answers for answers, _ in told], FAULT: [fault for _, fault in told]}

    def _look(self, lines: bytes) -> tuple[bytes, str]:
        names = [Name.of_line(line) for line in lines.splitlines()]
        try:
            self._start()
            answered = [each for group in self._here.answered(iter(names), len(names)) for each in group]
        except MienError as error:  # as text: an exception would be told with four tracebacks
            return b"", str(error)
        return json.dumps(answered).encode(), ""

    def _start(self) -> None:
        if self._started:
            return
        found, wanted = self._here.start(), self._wanted
        if found != wanted:
            raise RuntimeUnavailable(
                "A machine of the cluster computes otherwise than the one that was asked first, so the rows would not "
                f"fit together: {_described(found)}, not {_described(wanted)}."
            )
        self._started = True


class OnCluster:
    """A Ray cluster.

    Args:
        address: As Ray has it: HOST:PORT, `auto` for the one that this machine is in, or `LOCAL`.
        load: Makes the pipeline, on any machine.
        options: For every picture.
        limits: Bounds.
        cpus: Processors of a pipeline.
        gpus: Graphics cards of a pipeline.

    Raises:
        InvalidRequest: If Ray is not installed, or no cluster answers there.
    """

    def __init__(
        self,
        address: str,
        load: Callable[[], VisionPipeline],
        options: DetectOptions,
        limits: Limits,
        cpus: int,
        gpus: int = 0,
    ) -> None:
        self._here, self._ray = Here(load, options, limits), _connected(address)
        self._share = {"num_cpus": cpus, "num_gpus": gpus}
        there = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        self._most = sum(_pipelines(each.get("CPU", 0), cpus, each.get("GPU", 0), gpus) for each in there)
        if not self._most:
            raise InvalidRequest(
                f"No machine of the cluster has {cpus} CPUs{f' and {gpus} GPUs' if gpus else ''} for a pipeline; "
                "MIEN_THREADS says how many CPUs one takes."
            )

    def start(self) -> Networks:
        """See `app.batch.here.Looking`; one machine is asked what it has, and all must have the same."""
        asked = self._ray.remote(**self._share)(_networks).remote(self._here)
        told: tuple[Networks | None, str] = self._ray.get(asked)
        found, fault = told
        if found is None:
            raise RuntimeUnavailable(fault)
        self._wanted = found
        return found

    def answered(self, names: Iterator[Name], part_names: int) -> Generator[list[Answered], None, None]:
        """See `app.batch.here.Looking`; a part at a time."""
        parts = list(_parts(names, part_names))
        if not parts:
            return
        most = min(self._most, len(parts))
        pool = self._ray.data.ActorPoolStrategy(
            min_size=1,
            max_size=most,
            initial_size=most,  # of itself it makes more only where much waits, and parts are few
            max_tasks_in_flight_per_actor=1,  # a part that waits for one actor is taken by none that is free
        )
        looked = self._ray.data.from_items(parts, override_num_blocks=len(parts)).map_batches(
            Actor,
            batch_size=1,
            compute=pool,
            fn_constructor_args=(self._here, self._wanted),
            **self._share,
        )
        try:
            for row in looked.iter_rows():
                if row[FAULT]:
                    raise RuntimeUnavailable(row[FAULT])
                yield [(name, answer) for name, answer in json.loads(row[ANSWERS])]
        except self._ray.exceptions.RayError as error:
            raise RuntimeUnavailable(f"The cluster has failed: {str(error).splitlines()[0]}") from error


def _networks(here: Here) -> tuple[Networks | None, str]:
    """Return what a machine has, or what is wrong."""
    try:
        return here.start(), ""
    except MienError as error:
        return None, str(error)


def _pipelines(cpu: float, cpus: int, gpu: float, gpus: int) -> int:
    """Return how many pipelines a machine has room for."""
    return int(min(cpu // cpus, gpu // gpus) if gpus else cpu // cpus)


def _described(networks: Networks) -> str:
    return f"{networks.runtime} with {networks.models.detector} and {networks.models.emotion}"


def _parts(names: Iterator[Name], part_names: int) -> Iterator[dict[str, bytes]]:
    while part := list(islice(names, part_names)):
        yield {NAMES: b"".join(name.line() for name in part)}


def _check_answers(address: str) -> None:
    """See that something listens at HOST:PORT: Ray itself would wait for minutes.

    Raises:
        InvalidRequest: If nothing does.
    """
    host, colon, port = address.rpartition(":")
    if not (colon and port.isdecimal()):
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), PATIENCE_S).close()
    except (OSError, OverflowError) as error:
        raise InvalidRequest(f"No Ray cluster answers at {address}: {error}.") from error


def _connected(address: str) -> Any:
    """Return Ray, connected.

    Raises:
        InvalidRequest: If it is not installed, or no cluster answers.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anybody
    try:
        import ray
        import ray.data
        import ray.exceptions
    except ModuleNotFoundError as missing:
        raise InvalidRequest(
            f"{missing.name} is not installed: run pip install -e '.[ray]' in Mien's sources."
        ) from missing
    _check_answers(address)
    own = {"include_dashboard": False, "object_store_memory": STORE_BYTES} if address == LOCAL else {}
    logging.getLogger("ray").setLevel(logging.CRITICAL)
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL, **own)
    except (ConnectionError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
        why = str(error).strip().splitlines()[0]
        raise InvalidRequest(f"No Ray cluster answers at {address}: {why}") from error
    context = ray.data.DataContext.get_current()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = context.print_on_execution_start = False
    context.max_consecutive_actor_init_deaths = LOST_AT_START
    return ray
