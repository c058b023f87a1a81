"""What attacks did, as a table and as JSON, and which limits they broke."""

import dataclasses
import json
import math
import re
from collections.abc import Sequence

from benchmarks.attacks.honest import Watched
from benchmarks.attacks.measure import Figures
from benchmarks.server import ROOT

LONGEST_LIVEZ_MS, MOST_TIMES, MOST_KEPT_MB = 250.0, 3.0, 300.0
"""Of the slowest /livez; of an honest answer against quiet; of memory above idle after the rest."""

PROMISE = re.compile(r"Together about ([\d.]+) GB beside the networks")
"""Where docs/deployment.md says how much memory requests can hold at most."""

HEADER = (
    "attack", "point", "/livez slowest, ms", "/detect median, ms", "slowest, ms", "wrong, hung, refused",
    "streams failed", "memory, MB", "answered as it must be", "attacker, cores",
)  # fmt: skip
LEGEND = "Times: in quiet, under the attack. Memory: idle, at the peak, after a rest of {rest_s:g} s."


def promised_mb() -> float:
    """Return the most memory that requests can hold, as docs/deployment.md promises.

    Raises:
        ValueError: If it does not.
    """
    said = PROMISE.search((ROOT / "docs" / "deployment.md").read_text())
    if said is None:
        raise ValueError("docs/deployment.md does not say how much memory requests can hold together.")
    return float(said[1]) * 1e3


def faults(figures: Figures, promise_mb: float) -> list[str]:
    """List the limits that an attack broke.

    Args:
        figures: What it did.
        promise_mb: The most that requests may hold.
    """
    quiet, under = figures.quiet, figures.under
    found = []
    if max(under.livez_ms, default=math.inf) > LONGEST_LIVEZ_MS:
        found.append(f"/livez {_slowest(under.livez_ms)} ms (at most {LONGEST_LIVEZ_MS:.0f})")
    if under.median_ms > MOST_TIMES * quiet.median_ms:
        found.append(
            f"/detect {under.median_ms:.0f} ms, in quiet {quiet.median_ms:.0f} (at most {MOST_TIMES:.0f} times)"
        )
    if max(under.detect_ms, default=math.inf) > MOST_TIMES * max(quiet.detect_ms, default=0):
        found.append(f"slowest /detect {_slowest(under.detect_ms)} ms, in quiet {_slowest(quiet.detect_ms)}")
    if amiss := under.wrong + under.hung + under.refused.total():
        found.append(f"{amiss} of {under.asked} honest requests wrong, hung or refused")
    if failed := under.streams_failed.total():
        found.append(f"{failed} of {under.streams} honest streams failed")
    if figures.memory_mb is not None:
        idle, peak, after = figures.memory_mb
        if after > idle + MOST_KEPT_MB:
            found.append(f"{after - idle:.0f} MB kept after {figures.rest_s:.0f} s (at most {MOST_KEPT_MB:.0f})")
        if peak > idle + promise_mb:
            found.append(f"{peak - idle:.0f} MB at the peak (at most {promise_mb:.0f})")
    found += [f"{kind}: {right} of {of}" for kind, (right, of) in figures.outcome.tries.items() if right < of]
    return found


def table(all_figures: Sequence[Figures]) -> str:
    """Return a Markdown table, a row an attack."""
    rows = [HEADER, ("---",) * len(HEADER), *(_row(each) for each in all_figures)]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([*lines, "", LEGEND.format(rest_s=all_figures[0].rest_s)])


def as_json(all_figures: Sequence[Figures], conditions: str) -> str:
    """Return everything that was measured, but for single times."""
    attacks = [
        {
            "name": each.name, "point": each.point, "what": each.what, "quiet": summary(each.quiet),
            "under": summary(each.under), "outcome": dataclasses.asdict(each.outcome),
            "memory_mb": each.memory_mb and [round(size_mb) for size_mb in each.memory_mb],
            "rest_s": each.rest_s,
        }
        for each in all_figures
    ]  # fmt: skip
    return json.dumps({"conditions": conditions, "attacks": attacks}, indent=1)


def summary(seen: Watched) -> dict[str, object]:
    """Return what honest clients saw, times as their number, median and slowest."""
    counts = {name: getattr(seen, name) for name in ("asked", "wrong", "hung", "refused", "streams", "streams_failed")}
    return {
        "livez": len(seen.livez_ms),
        "livez_slowest_ms": _slowest(seen.livez_ms),
        "detect_median_ms": _whole(seen.median_ms),
        "detect_slowest_ms": _slowest(seen.detect_ms),
        **counts,
    }


def _row(figures: Figures) -> tuple[str, ...]:
    quiet, under, outcome = figures.quiet, figures.under, figures.outcome
    tries = [sum(column) for column in zip(*outcome.tries.values(), strict=True)]
    memory_mb = figures.memory_mb
    return (
        f"`{figures.name}`",
        str(figures.point),
        f"{_slowest(quiet.livez_ms)}, {_slowest(under.livez_ms)}",
        f"{_whole(quiet.median_ms)}, {_whole(under.median_ms)}",
        f"{_slowest(quiet.detect_ms)}, {_slowest(under.detect_ms)}",
        f"{under.wrong}, {under.hung}, {under.refused.total()} of {under.asked}",
        f"{under.streams_failed.total()} of {under.streams}",
        "" if memory_mb is None else ", ".join(f"{each:.0f}" for each in memory_mb),
        f"{tries[0]} of {tries[1]}" if tries else "",
        f"{outcome.cores:.2f}",
    )


def _slowest(times_ms: Sequence[float]) -> str:
    return _whole(max(times_ms, default=math.inf))


def _whole(time_ms: float) -> str:
    return "none" if math.isinf(time_ms) else f"{time_ms:.0f}"
