"""The worker process: decodes one rare or large picture after another, each within limits of memory and time."""

import os
import resource
import signal
import socket
from pathlib import Path

import pillow_heif
from PIL import AvifImagePlugin, TiffImagePlugin

from app.errors import MienError
from app.pictures.announced import announced_size
from app.pictures.cost import PIXEL_BYTES
from app.pictures.decode import FORMATS, Decoded, Wanted, decode
from app.pictures.trim import give_back_memory
from app.pictures.worker_messages import receive, receive_bytes, send, send_images

IDLE_S = 60.0
"""A worker without work ends by itself."""
MOST_FILES = 32
NICENESS = 5
"""Where processors are short, a worker gets a quarter of what each thread of its owner gets: one file that is dear to
decode otherwise takes half a processor from the networks, which all others wait for."""
OPENING_BYTES, OPENING_CPU_S = 100_000_000, 3
"""What reading a header may take, beside the file itself."""
SPARE_BYTES = 64_000_000
"""Address space beside what a picture weighs: stacks, and what the allocator keeps."""
CPU_S, WEIGHT_PER_CPU_S = 5, 20_000_000
"""CPU time to decode: so much, and a second for each 20 million pixels that a picture weighs."""
CANVAS_BYTES = 10
"""A pixel of a WebP takes so much as soon as the file is opened."""


class _NotAdmitted(MienError):
    """The owner has no room for the picture now."""


def main(number: int) -> None:
    """Serve the owner until it closes the connection.

    Args:
        number: The file number of the socket that it left open.
    """
    with socket.socket(fileno=number) as owner:
        owner.settimeout(IDLE_S)
        _prepare()
        send(owner, {"ready": True})
        try:
            while True:
                _answer(owner)
        except (EOFError, TimeoutError):
            return


def _prepare() -> None:
    os.nice(NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    TiffImagePlugin.READ_LIBTIFF = True  # uncompressed ones, too: Pillow's own reading mixes up separate planes
    pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (MOST_FILES, MOST_FILES))


def _answer(owner: socket.socket) -> None:
    asked = receive(owner)
    payload = bytes(receive_bytes(owner, asked["bytes"]))
    parts = None if asked["parts"] is None else tuple((a, b, c, d) for a, b, c, d in asked["parts"])
    wanted = Wanted(asked["max_pixels"], asked["long_side_px"], parts)
    width, height = announced_size(payload) or (0, 0)
    _limit(OPENING_BYTES + 4 * len(payload) + min(width * height, wanted.max_pixels) * CANVAS_BYTES, OPENING_CPU_S)

    def admit(weight: int) -> None:
        send(owner, {"weight": weight})
        if not receive(owner)["go"]:
            raise _NotAdmitted
        _limit(SPARE_BYTES + 2 * asked["bytes"] + weight * PIXEL_BYTES, CPU_S + weight // WEIGHT_PER_CPU_S)

    try:
        decoded = decode(payload, wanted, FORMATS, admit)
    except _NotAdmitted:
        return
    except MienError as error:
        send(owner, {"code": error.code, "detail": str(error)})
        return
    finally:
        _limit(None, None)
    _send(owner, decoded, asked["shared"])
    del decoded
    give_back_memory()


def _send(owner: socket.socket, decoded: Decoded, shared: bool) -> None:
    shapes = [image.shape for image in decoded.images]
    known = {"width": decoded.width, "height": decoded.height, "truncated": decoded.truncated}
    send(owner, {"shapes": shapes, **known})
    if any(image.size for image in decoded.images):
        send_images(owner, decoded.images, shared)


def _limit(more_bytes: int | None, more_cpu_s: int | None) -> None:
    """Allow so much more address space and CPU time than used now; None: any."""
    for kind, used, more in (
        (resource.RLIMIT_AS, _mapped_bytes(), more_bytes),
        (resource.RLIMIT_CPU, sum(os.times()[:2]), more_cpu_s),
    ):
        if used is not None:
            most = resource.RLIM_INFINITY if more is None else int(used) + 1 + more
            resource.setrlimit(kind, (most, resource.RLIM_INFINITY))


def _mapped_bytes() -> int | None:
    """Return how much address space is used, where the system tells (Linux)."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        return None
