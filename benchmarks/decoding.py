"""What decoding takes, by format and mode: memory a pixel, time, and how long a step holds Python's lock.

    python -m benchmarks.decoding                                        all of them
    python -m benchmarks.decoding --check                                exit code 1 if admission weighs one too lightly
    python -m benchmarks.decoding --page docs/experiments/decoders.md    writes the memory into the docs

Each picture is decoded in this process, without a worker: what a worker would take is measured here. Linux only.
"""

import argparse
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pillow_heif

from app.pictures.cost import PIXEL_BYTES
from app.pictures.decode import FORMATS, Decoded, Wanted, decode
from app.pictures.trim import give_back_memory
from benchmarks.between import write_between
from benchmarks.decoding_cases import CASES, picture

MEGAPIXELS = 50.0
"""The largest picture that is read by default."""
BANDS_BYTES = 10_000_000
"""What takes memory whatever the picture's size: a band of a million pixels, and tables of the libraries."""
WATCH_S = 0.001
BEGINNING, END = "<!-- decoding: written by python -m benchmarks.decoding --page -->", "<!-- decoding: end -->"
PROCESS = Path("/proc/self")
FORGET_PEAK = "5"
"""What resets VmHWM: proc(5), clear_refs."""


@dataclass(frozen=True)
class Taken:
    """What decoding a picture takes.

    Attributes:
        pixels: Of the picture.
        pixel_bytes: Memory at its peak, a pixel.
        weighed_bytes: What admission counts, a pixel.
        took_s: Time.
        held_ms: The longest that another thread waited for Python's lock.
    """

    pixels: int
    pixel_bytes: float
    weighed_bytes: float
    took_s: float
    held_ms: float

    @property
    def too_light(self) -> bool:
        """Whether it takes more than admission counts."""
        return self.pixel_bytes > self.weighed_bytes + BANDS_BYTES / self.pixels


def main() -> None:
    """Measure each case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=CASES, help="a case; may be given again")
    parser.add_argument("--check", action="store_true", help="exit code 1 if a weight is too small")
    parser.add_argument("--megapixels", type=float, default=MEGAPIXELS, help="size of the pictures")
    parser.add_argument("--page", type=Path, help="Markdown file that the memory is written into")
    given = parser.parse_args()
    pillow_heif.register_heif_opener(decode_threads=1)
    measured: dict[str, Taken] = {}
    for name in given.only or CASES:
        taken = measured[name] = measure(picture(name, given.megapixels))
        times = f"{taken.took_s:5.2f} s, lock {taken.held_ms:3.0f} ms"
        print(f"{name:32} {taken.pixel_bytes:5.1f} of {taken.weighed_bytes:2.0f} bytes, {times}", flush=True)  # noqa: T201
    if given.page:
        write_between(given.page, BEGINNING, END, table(measured, given.megapixels))
    too_light = [name for name, taken in measured.items() if taken.too_light]
    if given.check and too_light:
        sys.exit(f"weighed too lightly: {', '.join(too_light)}")


def table(measured: Mapping[str, Taken], megapixels: float) -> str:
    """Return what was measured of memory, which does not depend on what else the machine does."""
    rows = [f"{time.strftime('%Y-%m-%d')}, pictures of {megapixels:g} megapixels.", ""]
    rows += ["| picture | bytes a pixel at the peak | weighed |", "|---|---|---|"]
    rows += [f"| {name} | {each.pixel_bytes:.1f} | {each.weighed_bytes:.0f} |" for name, each in measured.items()]
    return "\n".join(rows)


def measure(payload: bytes) -> Taken:
    """Decode a picture in this process."""
    weights: list[int] = []
    decoded: list[Decoded] = []
    wanted = Wanted(max_pixels=10**9)
    give_back_memory()
    (PROCESS / "clear_refs").write_text(FORGET_PEAK)
    before = _bytes("VmRSS")
    held_s, took_s = watched(lambda: decoded.append(decode(payload, wanted, FORMATS, weights.append)))
    taken_bytes = _bytes("VmHWM") - before
    pixels = decoded[0].width * decoded[0].height
    return Taken(pixels, taken_bytes / pixels, weights[0] * PIXEL_BYTES / pixels, took_s, 1e3 * held_s)


def watched(work: Callable[[], object]) -> tuple[float, float]:
    """Return the longest that another thread was kept from running, and how long the work took, in seconds."""
    longest, done = 0.0, threading.Event()

    def watch() -> None:
        nonlocal longest
        last = time.perf_counter()
        while not done.wait(WATCH_S):
            now = time.perf_counter()
            longest, last = max(longest, now - last - WATCH_S), now

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.perf_counter()
    work()
    took_s = time.perf_counter() - began
    done.set()
    watcher.join()
    return longest, took_s


def _bytes(name: str) -> int:
    """Return a size from this process's status."""
    lines = (PROCESS / "status").read_text().splitlines()
    [line] = [each for each in lines if each.startswith(f"{name}:")]
    return 1024 * int(line.split()[1])


if __name__ == "__main__":
    main()
