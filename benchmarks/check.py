"""The targets, and whether a run meets them: ratios of two figures of the same run, and some sizes and times."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from benchmarks.results import Load, LoopName, Results, Round, ServerName, ServerRun

Ratios = list[float]
"""One per round; empty if not measured."""


@dataclass(frozen=True)
class Target:
    """A figure that a run must reach.

    Attributes:
        name: What is compared with what, or the figure and its unit.
        limit: The median of the rounds must be at least, or at most, this.
        ratios: Extracts the ratios or figures from a run.
    """

    name: str
    direction: Literal["at least", "at most"]
    limit: float
    ratios: Callable[[Results], Ratios]


@dataclass(frozen=True)
class Verdict:
    """A target and its measured ratios; none: not measured."""

    target: Target
    ratios: Ratios

    @property
    def median(self) -> float:
        """The ratio that counts."""
        return statistics.median(self.ratios)

    @property
    def missed(self) -> bool:
        """Whether it was measured and not reached."""
        if not self.ratios:
            return False
        within = (
            self.median >= self.target.limit
            if self.target.direction == "at least"
            else self.median <= self.target.limit
        )
        return not within


def load_at(one: Round, server: ServerName, clients: int) -> Load | None:
    """Return a server's load at a number of clients, if measured."""
    run = one.servers.get(server)
    return next((load for load in run.loads if load.clients == clients), None) if run else None


def limit_here(one: Round) -> float:
    """Return the pictures per second of Mien's fastest loop without a server."""
    return max(run.per_second for name, run in one.loops.items() if name != "fer")


def against_servers(*names: ServerName) -> Callable[[Results], Ratios]:
    """Compare Mien's throughput at 16 clients with the fastest of these servers."""

    def ratios(results: Results) -> Ratios:
        found = []
        for one in results.rounds:
            mine, others = load_at(one, "mien", 16), [load_at(one, name, 16) for name in names]
            rates = [load.per_second for load in others if load]
            if mine and rates:
                found.append(mine.per_second / max(rates))
        return found

    return ratios


def against_limit(results: Results) -> Ratios:
    """Compare Mien's throughput at 16 clients with its fastest loop without a server."""
    return [load.per_second / limit_here(one) for one in results.rounds if (load := load_at(one, "mien", 16))]


def against_loop(name: LoopName) -> Callable[[Results], Ratios]:
    """Compare Mien's throughput at 16 clients with a loop, if it ran."""

    def ratios(results: Results) -> Ratios:
        pairs = [(load_at(one, "mien", 16), one.loops.get(name)) for one in results.rounds]
        return [load.per_second / loop.per_second for load, loop in pairs if load and loop]

    return ratios


def tail(results: Results) -> Ratios:
    """Compare p99 with p50 at 16 clients."""
    loads = [load_at(one, "mien", 16) for one in results.rounds]
    return [load.latency_ms.p99_ms / load.latency_ms.p50_ms for load in loads if load]


def lone_client(results: Results) -> Ratios:
    """Compare a lone client's p50 with a picture's p50 in the loop without a server."""
    pairs = [(load_at(one, "mien", 1), one.loops["one by one"]) for one in results.rounds]
    return [load.latency_ms.p50_ms / loop.step_ms.p50_ms for load, loop in pairs if load]


def crowd(results: Results) -> Ratios:
    """Return what a face in a crowd of 128 costs, in milliseconds of crop and classification."""
    return [each.classify_ms / each.faces for each in results.faces if each.faces == 128]


def of_mien(figure: Callable[[ServerRun], float]) -> Callable[[Results], Ratios]:
    """Return a figure of Mien's own server, by round."""
    return lambda results: [figure(one.servers["mien"]) for one in results.rounds if "mien" in one.servers]


def sizes(results: Results) -> Ratios:
    """Compare the total time of a 12 MP JPEG with that of a 720p one."""
    by_name = {each.name: each.whole_ms for each in results.sizes}
    return [by_name["12 MP"] / by_name["720p"]]


def wrong_answers(results: Results) -> Ratios:
    """Return the share of wrong answers under load, for the worst precision."""
    return [max(each.wrong / each.requests for each in results.right_answers)]


def growth(results: Results) -> Ratios:
    """Return the memory's growth over the run according to its slope, as a share of itself."""
    memory = results.memory
    if memory is None:
        return []
    return [memory.kb_per_1000 * memory.requests / 1e6 / memory.steady_mb]


TARGETS: tuple[Target, ...] = (
    Target("Throughput at 16 clients to the fastest loop without a server", "at least", 0.90, against_limit),
    Target(
        "Throughput at 16 clients to the usual way (the faster of its two handlers)",
        "at least",
        3.2,
        against_servers("usual way", "usual way, threads"),
    ),
    Target("p99 to p50 at 16 clients", "at most", 2.0, tail),
    Target("One client's p50 to the time of a picture in the loop one by one", "at most", 1.2, lone_client),
    Target("Throughput at 16 clients to fer in a loop", "at least", 5.0, against_loop("fer")),
    Target(
        "Throughput at 16 clients to LitServe with the same pipeline", "at least", 1.15, against_servers("LitServe")
    ),
    Target("A face in a crowd of 128, ms", "at most", 2.4, crowd),
    Target("Time of a 12 MP JPEG to that of a 720p one", "at most", 3.0, sizes),
    Target("Share of wrong answers under load", "at most", 0.0, wrong_answers),
    Target("From start to ready, s", "at most", 2.2, of_mien(lambda run: run.start_s)),
    Target("Idle memory, MB", "at most", 380.0, of_mien(lambda run: run.idle_mb)),
    Target("Memory after load, MB", "at most", 600.0, of_mien(lambda run: run.loaded_mb)),
    Target("Size of a plain install, MB", "at most", 900.0, lambda results: [results.machine.installed_mb]),
    Target("Growth of memory over the memory run, as a share of it", "at most", 0.02, growth),
)


def judge(results: Results) -> list[Verdict]:
    """Compare a run with every target."""
    return [Verdict(target, target.ratios(results)) for target in TARGETS]
