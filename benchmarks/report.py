"""A run as text tables; the terminal and docs/benchmarks.md show the same ones."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from benchmarks.check import Verdict, judge, load_at
from benchmarks.contenders import CLIENTS, SERVERS
from benchmarks.results import Load, MemoryGrowth, Results, ServerName, ServerRun, Spread

Record = TypeVar("Record")

NO_MEMORY = "Memory over many requests: python -m benchmarks memory"


@dataclass(frozen=True)
class Section:
    """A table.

    Attributes:
        rows: Each as long as the header.
        note: What the reader must know.
    """

    title: str
    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    note: str = ""


def sections(results: Results) -> list[Section]:
    """Return all tables of a run."""
    made = [_targets(results), _loops(results), _loads(results), _servers(results), _stages(results), _faces(results)]
    made += [_sizes(results), _right_answers(results)]
    return [*made, _memory(results.memory)] if results.memory else made


def what_is_left_out(results: Results) -> list[str]:
    """Return a line for each thing that was not measured."""
    return results.left_out if results.memory else [*results.left_out, NO_MEMORY]


def verdict_row(verdict: Verdict) -> tuple[str, ...]:
    """Format one target."""
    target = verdict.target
    limit = f"{target.direction} {target.limit:g}"
    if not verdict.ratios:
        return target.name, limit, "not measured", "-"
    ratios = f"{verdict.median:.3g}"
    if len(verdict.ratios) > 1:
        ratios += f" ({min(verdict.ratios):.3g} to {max(verdict.ratios):.3g})"
    return target.name, limit, ratios, "missed" if verdict.missed else "met"


def _targets(results: Results) -> Section:
    note = "Ratios are formed within a round; the median counts, in brackets the lowest and the highest round."
    return Section("Targets", ("ratio", "target", "measured", ""), [verdict_row(each) for each in judge(results)], note)


def _loops(results: Results) -> Section:
    names = list(dict.fromkeys(name for one in results.rounds for name in one.loops))
    rows = []
    for name in names:
        runs = [one.loops[name] for one in results.rounds if name in one.loops]
        rate = _median(runs, lambda run: run.per_second)
        rows.append(
            (name, str(runs[0].faces), f"{rate:.1f}", f"{1e3 / rate:.1f}", *_percentiles([run.step_ms for run in runs]))
        )
    header = ("loop", "faces found", "pictures/s", "ms per picture", "step p50 ms", "p95 ms", "p99 ms")
    return Section(
        "Loops without a server", header, rows, "A step is a picture, or a batch of 16. The photo shows two faces."
    )


def _loads(results: Results) -> Section:
    rows = []
    for name in SERVERS:
        for clients in CLIENTS[name]:
            loads = [load for one in results.rounds if (load := load_at(one, name, clients))]
            if loads:
                rows.append(_load_row(name, loads))
    header = ("server", "clients", "requests/s", "p50 ms", "p95 ms", "p99 ms", "failed", "client cores", "server cores")
    return Section(
        "Servers under closed-loop clients",
        header,
        rows,
        "Each figure is the median of the rounds; failed is their sum.",
    )


def _load_row(name: ServerName, loads: Sequence[Load]) -> tuple[str, ...]:
    return (
        name,
        str(loads[0].clients),
        f"{_median(loads, lambda load: load.per_second):.1f}",
        *_percentiles([load.latency_ms for load in loads]),
        str(sum(load.failed for load in loads)),
        f"{_median(loads, lambda load: load.client_cores):.3f}",
        f"{_median(loads, lambda load: load.server_cores):.2f}",
    )


def _servers(results: Results) -> Section:
    rows = []
    for name in SERVERS:
        runs = [one.servers[name] for one in results.rounds if name in one.servers]
        if runs:
            rows.append(_server_row(name, runs))
    header = ("server", "start-up s", "idle MB", "after load MB")
    note = "Memory is resident memory of all its processes; pages that processes share count for each of them."
    if results.stages.gpu_mb is not None:
        note += f" The pipeline held {results.stages.gpu_mb:.0f} MB of the GPU at most."
    return Section("Start-up and memory", header, rows, note)


def _server_row(name: str, runs: list[ServerRun]) -> tuple[str, ...]:
    idle, loaded = _median(runs, lambda run: run.idle_mb), _median(runs, lambda run: run.loaded_mb)
    return name, f"{_median(runs, lambda run: run.start_s):.1f}", f"{idle:.0f}", f"{loaded:.0f}"


def _stages(results: Results) -> Section:
    rows = [(stage, f"{share:.1%}") for stage, share in results.stages.shares.items()]
    return Section("Stages of the loop one by one", ("stage", "share of time"), rows)


def _faces(results: Results) -> Section:
    rows = [
        (
            str(each.faces),
            f"{each.detect_ms:.1f}",
            f"{each.classify_ms:.1f}",
            f"{each.classify_ms / each.faces:.2f}" if each.faces else "-",
            f"{each.whole_ms:.1f}",
        )
        for each in results.faces
    ]
    header = ("faces", "detection ms", "emotion ms", "emotion ms per face", "whole ms")
    note = (
        "A 720p picture, faces of one size, one client; emotion is crop and classification, whole is the client's time."
    )
    return Section("Cost against faces", header, rows, note)


def _sizes(results: Results) -> Section:
    rows = [
        (
            each.name,
            f"{each.width} x {each.height}",
            f"{each.kilobytes:.0f}",
            f"{each.decode_ms:.1f}",
            f"{each.whole_ms:.1f}",
        )
        for each in results.sizes
    ]
    return Section("Cost against size", ("picture", "pixels", "JPEG kB", "decode ms", "whole ms"), rows)


def _right_answers(results: Results) -> Section:
    rows = [
        (
            each.precision,
            str(each.clients),
            str(each.requests),
            str(each.wrong),
            f"{each.box_px:.3f}",
            f"{each.probability:.5f}",
        )
        for each in results.right_answers
    ]
    header = ("precision", "clients", "requests", "wrong", "largest box px", "largest probability")
    note = "Each client sends a picture of its own; an answer is compared with the one the picture gets alone."
    return Section("Right answers under load", header, rows, note)


def _memory(memory: MemoryGrowth) -> Section:
    rows = [(str(memory.requests), str(memory.failed), f"{memory.steady_mb:.0f}", f"{memory.kb_per_1000:+.1f}")]
    header = ("requests", "failed", "resident MB", "slope kB per 1,000 requests")
    return Section("Memory over many requests of mixed sizes", header, rows, "After the first fifth of the requests.")


def _percentiles(spreads: Sequence[Spread]) -> tuple[str, ...]:
    columns = zip(*((each.p50_ms, each.p95_ms, each.p99_ms) for each in spreads), strict=True)
    return tuple(f"{statistics.median(column):.1f}" for column in columns)


def _median(runs: Sequence[Record], figure: Callable[[Record], float]) -> float:
    return statistics.median(figure(run) for run in runs)
