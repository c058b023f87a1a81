"""What decoding takes, by format and mode: memory a pixel, time, and how long a step holds Python's lock.

    python -m benchmarks.decoding            the table of docs/experiments/decoders.md
    python -m benchmarks.decoding --check    exit code 1 if admission weighs any of them too lightly

Each picture is decoded in a process of its own, without a worker: what a worker would take is measured there.
"""

import argparse
import io
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pillow_heif
from PIL import Image as Pillow

from app.pictures.cost import PIXEL_BYTES
from app.pictures.decode import Decoded, Wanted, decode
from app.pictures.open import FORMATS
from app.pictures.worker_main import SPARE_BYTES

MEGAPIXELS = 50
"""The largest picture that is read by default."""
WATCH_S = 0.001
TURNED = Pillow.Exif()
TURNED[0x0112] = 6

CASES: dict[str, tuple[str, str, dict[str, object]]] = {
    "JPEG": ("JPEG", "RGB", {}),
    "JPEG, turned": ("JPEG", "RGB", {"exif": TURNED.tobytes()}),
    "JPEG, progressive": ("JPEG", "RGB", {"progressive": True}),
    "JPEG, gray": ("JPEG", "L", {}),
    "JPEG, CMYK": ("JPEG", "CMYK", {}),
    "PNG": ("PNG", "RGB", {"compress_level": 1}),
    "PNG, turned": ("PNG", "RGB", {"compress_level": 1, "exif": TURNED.tobytes()}),
    "PNG, gray": ("PNG", "L", {"compress_level": 1}),
    "PNG, palette": ("PNG", "P", {"compress_level": 1}),
    "PNG, transparent": ("PNG", "RGBA", {"compress_level": 1}),
    "PNG, transparent, turned": ("PNG", "RGBA", {"compress_level": 1, "exif": TURNED.tobytes()}),
    "PNG, 16 bits": ("PNG", "I;16", {"compress_level": 1}),
    "WebP": ("WEBP", "RGB", {"method": 0}),
    "WebP, transparent": ("WEBP", "RGBA", {"method": 0}),
    "BMP": ("BMP", "RGB", {}),
    "GIF": ("GIF", "P", {}),
    "TIFF, deflated": ("TIFF", "RGB", {"compression": "tiff_adobe_deflate"}),
    "TIFF, 32 bits": ("TIFF", "F", {}),
    "TIFF, CMYK": ("TIFF", "CMYK", {}),
    "AVIF": ("AVIF", "RGB", {"speed": 10}),
    "AVIF, transparent": ("AVIF", "RGBA", {"speed": 10}),
    "HEIC": ("HEIF", "RGB", {}),
    "HEIC, transparent": ("HEIF", "RGBA", {}),
}


@dataclass(frozen=True)
class Taken:
    """What decoding a picture takes.

    Attributes:
        pixel_bytes: Memory at its peak, a pixel.
        weighed_bytes: What admission counts, a pixel.
        took_s: Time.
        held_ms: The longest that another thread waited for Python's lock.
    """

    pixel_bytes: float
    weighed_bytes: float
    took_s: float
    held_ms: float


def main() -> None:
    """Measure each case in a process of its own, or one of them in this one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="exit code 1 if a weight is too small")
    parser.add_argument("--megapixels", type=int, default=MEGAPIXELS, help="size of the pictures")
    parser.add_argument("--one", metavar="NAME", help="measure one case in this process")
    parser.add_argument("--file", type=Path, help="the picture, made before, of --one")
    given = parser.parse_args()
    if given.one:
        print(*vars(measure(given.file.read_bytes())).values())  # noqa: T201
        return
    print(f"| picture of {given.megapixels} megapixels | bytes a pixel | weighed | s | lock, ms |")  # noqa: T201
    print("|---|---|---|---|---|")  # noqa: T201
    too_light = [name for name in CASES if _row(name, given.megapixels)]
    if given.check and too_light:
        sys.exit(f"weighed too lightly: {', '.join(too_light)}")


def _row(name: str, megapixels: int) -> bool:
    """Measure a case, print its row, and say whether it weighs too little."""
    file = Path(f"/dev/shm/mien-decoding-{name}".replace(" ", "_"))  # noqa: S108
    file.write_bytes(picture(name, megapixels))
    try:
        command = [sys.executable, "-m", "benchmarks.decoding", "--one", name, "--file", str(file)]
        said = subprocess.run(command, capture_output=True, check=True, text=True).stdout  # noqa: S603
    finally:
        file.unlink()
    taken = Taken(*map(float, said.split()))
    print(  # noqa: T201
        f"| {name} | {taken.pixel_bytes:.1f} | {taken.weighed_bytes:.0f} | {taken.took_s:.2f} | {taken.held_ms:.0f} |",
        flush=True,
    )
    return taken.pixel_bytes > taken.weighed_bytes + SPARE_BYTES / (megapixels * 1e6)


def picture(name: str, megapixels: int) -> bytes:
    """Return the picture of a case: smooth noise, since flat colours cost some decoders less."""
    file_format, mode, options = CASES[name]
    width = round((megapixels * 1e6 * 4 / 3) ** 0.5)
    height = round(megapixels * 1e6 / width)
    small = np.random.default_rng(0).integers(0, 256, (height // 10, width // 10, 3), dtype=np.uint8)
    made = Pillow.fromarray(small).resize((width, height)).convert("L" if mode == "I;16" else mode)
    if mode == "I;16":
        made = Pillow.fromarray(np.asarray(made).astype(np.uint16) * 257)
    if mode == "RGBA":
        made.putalpha(100)
    buffer = io.BytesIO()
    if file_format == "HEIF":
        pillow_heif.from_pillow(made).save(buffer, quality=50)
    else:
        made.save(buffer, file_format, **options)
    return buffer.getvalue()


def measure(payload: bytes) -> Taken:
    """Decode a picture in this process."""
    pillow_heif.register_heif_opener(decode_threads=1)
    weights: list[int] = []
    before = _peak_bytes()
    decoded: list[Decoded] = []
    wanted = Wanted(max_pixels=10**9)
    held_s, took_s = watched(lambda: decoded.append(decode(payload, wanted, FORMATS, weights.append)))
    pixels = decoded[0].width * decoded[0].height
    return Taken((_peak_bytes() - before) / pixels, weights[0] * PIXEL_BYTES / pixels, took_s, 1e3 * held_s)


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


def _peak_bytes() -> int:
    """Return the most memory that this process has had; Linux only."""
    [line] = [each for each in Path("/proc/self/status").read_text().splitlines() if each.startswith("VmHWM")]
    return 1024 * int(line.split()[1])


if __name__ == "__main__":
    main()
