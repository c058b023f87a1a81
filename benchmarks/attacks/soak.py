"""All attacks by turns against one server, while honest clients ask: does anything grow, fail or become slow?"""

import asyncio
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.attacks.catalogue import Attack
from benchmarks.attacks.honest import Watched
from benchmarks.attacks.measure import Aim, Peak, Plan, assault, prepare
from benchmarks.attacks.report import LONGEST_LIVEZ_MS, MOST_KEPT_MB
from benchmarks.between import write_between
from benchmarks.spread import steady

BEGINNING, END = "<!-- attacks: written by python -m benchmarks.attacks --soak -->", "<!-- attacks: end -->"
CALM_S = 5.0
"""Between two attacks; the memory and the honest clients' median are noted at its end."""


@dataclass(frozen=True)
class Turn:
    """One attack and the calm after it.

    Attributes:
        name: Of the attack.
        under: What honest clients saw meanwhile.
        calm: What they saw in the calm.
        peak_mb: Most memory seen.
        calm_mb: Memory at the end of the calm.
        minute: When that was, from the beginning.
    """

    name: str
    under: Watched
    calm: Watched
    peak_mb: float
    calm_mb: float
    minute: float


@dataclass
class Soak:
    """A whole run.

    Attributes:
        idle_mb: Memory before the first attack.
        quiet: What honest clients saw then.
        turns: In order.
        rested_mb: Memory a while after the last attack.
        rested: What honest clients saw until then.
    """

    idle_mb: float
    quiet: Watched
    turns: list[Turn] = field(default_factory=list)
    rested_mb: float = 0.0
    rested: Watched = field(default_factory=Watched)

    def faults(self) -> list[str]:
        """List what is not flat or not right."""
        found = []
        if amiss := sum(map(_amiss, self._all_seen())):
            found.append(f"{amiss} honest requests or streams wrong, hung or refused")
        if slow := [each.name for each in self.turns if max(each.under.livez_ms) > LONGEST_LIVEZ_MS]:
            found.append(f"/livez over {LONGEST_LIVEZ_MS:.0f} ms during {', '.join(sorted(set(slow)))}")
        if self.rested_mb > self.idle_mb + MOST_KEPT_MB:
            found.append(f"{self.rested_mb - self.idle_mb:.0f} MB above idle at the end")
        return found

    def text(self) -> str:
        """Return the figures as Markdown."""
        mean_mb, slope_mb = steady([(each.minute, each.calm_mb) for each in self.turns])
        asked = sum(each.asked for each in self._all_seen())
        amiss = sum(map(_amiss, self._all_seen()))
        first, last, last_mb = self.turns[0].calm, self.turns[-1].calm, self.turns[-1].calm_mb
        lines = [
            f"{self.turns[-1].minute:.0f} minutes, {len(self.turns)} turns: {asked:,} honest requests, {amiss} of them "
            f"or of the honest streams wrong, hung or refused. Memory between attacks: {self.idle_mb:.0f} MB at first, "
            f"{last_mb:.0f} MB {CALM_S:.0f} s after the last one and {self.rested_mb:.0f} MB at the end, mean "
            f"{mean_mb:.0f} MB, slope {slope_mb:+.1f} MB a minute after the first fifth; at most "
            f"{max(each.peak_mb for each in self.turns):.0f} MB. Median of an honest "
            f"answer between attacks: {self.quiet.median_ms:.0f} ms at first, {first.median_ms:.0f} after the first "
            f"attack, {last.median_ms:.0f} after the last.",
            "",
            "| attack | turns | /livez slowest, ms | /detect median, slowest, ms | amiss | memory at most, MB |",
            "| --- | --- | --- | --- | --- | --- |",
        ]
        ordered = sorted(self.turns, key=lambda each: each.name)
        return "\n".join(
            [*lines, *(_row(list(turns)) for _, turns in itertools.groupby(ordered, lambda each: each.name))]
        )

    def _all_seen(self) -> list[Watched]:
        return [self.rested, *(seen for each in self.turns for seen in (each.under, each.calm))]


async def run_soak(attacks: Sequence[Attack], aim: Aim, plan: Plan, minutes: float) -> Soak:
    """Attack by turns until the time is up; the turn in progress is finished, and honest clients go on for a while.

    Raises:
        RuntimeError: As `measure`.
    """
    assert aim.memory_mb is not None  # noqa: S101 - its own server
    honest = aim.honest(plan.clients)
    await honest.learn()
    quiet = await honest.watch(asyncio.sleep(plan.quiet_s))
    soak, began_s = Soak(aim.memory_mb(), quiet), time.monotonic()
    for attack in itertools.cycle(attacks):
        attacker, peak = await prepare(attack, aim, plan), Peak(aim)
        under, _ = await assault(attacker, honest, peak)
        calm = await honest.watch(asyncio.sleep(CALM_S))
        passed_s = time.monotonic() - began_s
        soak.turns.append(Turn(attack.name, under, calm, peak.most_mb, aim.memory_mb(), passed_s / 60))
        if passed_s >= minutes * 60:
            break
    soak.rested = await honest.watch(asyncio.sleep(plan.rest_s))
    soak.rested_mb = aim.memory_mb()
    return soak


def write_into(page: Path, text: str) -> None:
    """Replace what stands between the markers of a page.

    Raises:
        ValueError: If it has none.
    """
    write_between(page, BEGINNING, END, text)


def _amiss(seen: Watched) -> int:
    return seen.wrong + seen.hung + seen.refused.total() + seen.streams_failed.total()


def _row(turns: list[Turn]) -> str:
    under = [each.under for each in turns]
    medians, times_ms = [each.median_ms for each in under], [ms for each in under for ms in each.detect_ms]
    return (
        f"| `{turns[0].name}` | {len(turns)} | {max(ms for each in under for ms in each.livez_ms):.0f} | "
        f"{max(medians):.0f}, {max(times_ms, default=float('inf')):.0f} | "
        f"{sum(map(_amiss, under))} of {sum(each.asked + each.streams for each in under)} | "
        f"{max(each.peak_mb for each in turns):.0f} |"
    )
