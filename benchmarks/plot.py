"""The run as one figure."""

import statistics
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.check import limit_here, load_at
from benchmarks.contenders import CLIENTS, SERVERS
from benchmarks.results import Results

MIEN_COLOUR, OTHER_COLOUR, LIMIT_COLOUR = "#3d6fd1", "#9aa5b1", "#e4572e"


def draw(results: Results, path: Path) -> None:
    """Draw throughput, stages, and costs by faces and size to a PNG.

    Args:
        results: A run.
        path: The PNG; overwritten.
    """
    figure = Figure(figsize=(11, 8), layout="constrained")
    (throughput, stages), (faces, sizes) = figure.subplots(2, 2)
    _throughput(throughput, results)
    _stages(stages, results)
    _faces(faces, results)
    _sizes(sizes, results)
    kind = "quick run, " if results.quick else ""
    figure.suptitle(f"{kind}{results.machine.date}, {results.machine.processor}, {results.machine.cores} cores")
    figure.savefig(path, dpi=110, metadata={"Software": None})


def _throughput(axes: Axes, results: Results) -> None:
    bars: dict[str, float] = {}
    for name in SERVERS:
        for clients in CLIENTS[name]:
            loads = [load for one in results.rounds if (load := load_at(one, name, clients))]
            if loads:
                bars[f"{name}, {clients}"] = statistics.median(load.per_second for load in loads)
    fer = [one.loops["fer"].per_second for one in results.rounds if "fer" in one.loops]
    if fer:
        bars["fer, a loop"] = statistics.median(fer)
    colours = [MIEN_COLOUR if name.startswith("mien") else OTHER_COLOUR for name in bars]
    axes.barh(list(bars), list(bars.values()), color=colours)
    axes.invert_yaxis()
    limit = statistics.median(limit_here(one) for one in results.rounds)
    axes.axvline(limit, color=LIMIT_COLOUR, linestyle="--", label="fastest loop without a server")
    axes.set(title="Requests per second, by server and clients", xlabel="720p pictures with two faces, per second")
    axes.legend(loc="lower right")


def _stages(axes: Axes, results: Results) -> None:
    shares = results.stages.shares
    axes.barh(list(shares), [share * 100 for share in shares.values()], color=MIEN_COLOUR)
    axes.invert_yaxis()
    axes.set(title="Where the time of one picture goes", xlabel="% of the loop one by one")


def _faces(axes: Axes, results: Results) -> None:
    costs = results.faces
    counts = [each.faces for each in costs]
    axes.plot(counts, [each.detect_ms for each in costs], "o-", color=OTHER_COLOUR, label="detection")
    axes.plot(counts, [each.classify_ms for each in costs], "o-", color=MIEN_COLOUR, label="crop and emotion")
    axes.set(title="Cost against faces in a picture", xlabel="faces", ylabel="ms")
    axes.legend()


def _sizes(axes: Axes, results: Results) -> None:
    costs = results.sizes
    names = [each.name for each in costs]
    axes.bar(names, [each.decode_ms for each in costs], color=OTHER_COLOUR, label="decode")
    rest = [each.whole_ms - each.decode_ms for each in costs]
    axes.bar(names, rest, bottom=[each.decode_ms for each in costs], color=MIEN_COLOUR, label="all else")
    axes.set(title="Cost against size of the JPEG", ylabel="ms")
    axes.legend()
