"""Writes docs/benchmarks.md from a run, so that no figure is typed by hand."""

from pathlib import Path

from benchmarks.report import Section, sections, what_is_left_out
from benchmarks.results import Results

INTRODUCTION = """# How fast it is

Written by `python -m benchmarks page` from the JSON of a run; do not edit it by hand.
"""

METHOD = """## How it is measured

- The picture is ultralytics' `zidane.jpg`, 1280 x 720, with two people; each contender gets the same bytes.
- **The loop without a server** decodes and calls `Pipeline.detect`, in a process of its own: one picture after the
  other; batches of 16; and batches of 16 while two threads decode the next one. The fastest is the limit here.
- **mien, int8** is the same server with `MIEN_PRECISION=int8`; the targets are about the server as it is by default.
- **The usual way** (`benchmarks/usual_way.py`) is a FastAPI handler that calls ultralytics' `YOLO.predict` and then the
  classifier for each face, with the same weights and thresholds; as `async def`, and as `def` in FastAPI's threads.
  ultralytics itself takes one thread fewer than there are cores.
- **LitServe** hosts the same pipeline with batches of up to 16 (`benchmarks/litserve_app.py`). **fer** runs in a loop
  without a server, with its defaults and its own models, in an environment of its own.
- **Runtimes and precisions differ.** Mien, LitServe and the loops run the networks as the first paragraph says; mien,
  int8 by OpenVINO in 8-bit integers; the usual way by PyTorch in float32, which is ultralytics' default; fer by a
  quantised TensorFlow Lite network and OpenCV's Haar cascade. So a part of the ratio to the usual way is runtime and
  precision, not the server: [cpu-runtimes.md](experiments/cpu-runtimes.md) has the time of the whole pipeline in each,
  and the ratio of PyTorch in fp32 to Mien's own is that part.
- No server hosting this pipeline can be faster than the loop without a server, within the machine's noise, so Mien can
  beat LitServe only by the part of it that LitServe loses.
- Clients are closed-loop: each has one connection and asks again once it is answered. They are one other process that
  writes prepared bytes to sockets, on the same cores as the server; the column *client cores* says what they take, and
  no figure is corrected for it.
- Every contender starts in a process of its own and ends before the next one starts; a full run is three rounds.
- The emotion time of 128 faces against that of one is large where one face is cheap already: it says how much is saved
  by computing many at once, not how fast either is.
- A stage's time is taken by replacing the pipeline's functions by ones that look at the clock (`benchmarks/stages.py`).
"""

REPEAT = """## Repeat it

```sh
pip install '.[bench]'
python -m benchmarks --quick              # under 4 minutes on 2 cores: to see a break, not to quote
python -m benchmarks --check              # everything but memory; exit code 1 if a target is missed
python -m benchmarks memory --check       # adds 20,000 requests of mixed sizes to that run
python -m benchmarks page                 # writes this page and its figure from it
```

fer needs TensorFlow and another build of OpenCV than Mien's, which would overwrite it; so it gets its own environment:

```sh
python3 -m venv fer-venv
fer-venv/bin/pip install -r benchmarks/fer-requirements.txt
fer-venv/bin/pip install --no-deps fer==25.10.3
python -m benchmarks --fer-python fer-venv/bin/python
```

`--no-deps`, because fer also asks for what only its other modes use (facenet-pytorch, moviepy, pandas).
"""


def write_page(results: Results, page: Path, picture: str) -> None:
    """Write the page.

    Args:
        results: A run.
        page: The Markdown file; overwritten.
        picture: Path of the figure, relative to the page.
    """
    parts = [INTRODUCTION, _machine(results), f"![Throughput, stages and costs]({picture})\n"]
    parts += [_markdown(section) for section in sections(results)]
    if left_out := what_is_left_out(results):
        parts.append("## Left out\n\n" + "\n".join(f"- {line}" for line in left_out) + "\n")
    page.write_text("\n".join([*parts, METHOD, REPEAT]))


def _machine(results: Results) -> str:
    machine, networks = results.machine, results.networks
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    kind = "**A quick run: good enough to see a break, not to quote.**\n\n" if results.quick else ""
    return (
        f"{kind}{machine.date}, commit {machine.commit}: {machine.processor}, {machine.cores} cores, "
        f"{machine.memory_gb:.0f} GB, {machine.system}. The networks ran on {networks.runtime}; a plain "
        f"install takes {machine.installed_mb:.0f} MB; rounds: {len(results.rounds)}, "
        f"{results.seconds / 60:.0f} minutes, load average {machine.busy_before:.1f} in the minute before.\n\n"
        f"Versions: {versions}.\n"
    )


def _markdown(section: Section) -> str:
    lines = [f"## {section.title}", ""]
    lines += [_row(section.header), _row(("---",) * len(section.header))]
    lines += [_row(row) for row in section.rows]
    return "\n".join([*lines, *(("", section.note) if section.note else ()), ""])


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"
