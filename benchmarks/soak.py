"""Loads a real server from many clients for a long time and reports what grew, failed or was mixed up.

    python -m benchmarks.soak                      # ten minutes, 8 clients
    python -m benchmarks.soak --minutes 1 --clients 256 --queue-size 64

It starts its own server on this machine and contacts nothing else. Each client sends pictures of its own size, so that
an answer that belongs to another client shows; one request in twenty is broken off, one in twenty is not a picture.
Exit code 1 if anything was mixed up, failed with a 5xx other than 503, or hung.
"""

import argparse
import http.client
import io
import json
import random
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from benchmarks.server import MIEN, running
from benchmarks.spread import spread, steady

BUSY = 503


@dataclass
class Tally:
    """What all clients saw together."""

    outcomes: Counter[str] = field(default_factory=Counter)
    latencies_ms: list[float] = field(default_factory=list)
    mixed_up: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, outcome: str, seconds: float = 0.0, mixed_up: bool = False) -> None:
        """Count one request."""
        with self.lock:
            self.outcomes[outcome] += 1
            self.mixed_up += mixed_up
            if outcome == "200":
                self.latencies_ms.append(seconds * 1e3)


def make_picture(width: int, height: int) -> bytes:
    """Return a JPEG of noise whose size tells whose it is."""
    noise = np.random.default_rng(width).integers(0, 255, (height // 8, width // 8, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).resize((width, height)).save(buffer, "JPEG")
    return buffer.getvalue()


def client(number: int, port: int, until: float, tally: Tally) -> None:
    """Send requests until the time is up."""
    width, height = 320 + 2 * number, 240
    picture, random_of_mine = make_picture(width, height), random.Random(number)  # noqa: S311 - repeatable
    while time.monotonic() < until:
        dice = random_of_mine.randrange(20)
        if dice == 0:
            break_off(port, picture)
            tally.note("broken off")
            continue
        started = time.monotonic()
        outcome, answer = ask(port, b"no picture" if dice == 1 else picture)
        size = (answer.get("image") or {}).get("width")
        tally.note(outcome, time.monotonic() - started, mixed_up=outcome == "200" and size != width)
        if outcome == "503":
            time.sleep(0.05)  # far less than Retry-After asks: this is a storm


def ask(port: int, payload: bytes) -> tuple[str, dict[str, dict[str, int]]]:
    """POST once; return the status, or the kind of failure, and the parsed answer."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/detect", payload)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - our own server
            return str(answer.status), json.load(answer)
    except urllib.error.HTTPError as error:
        busy_without_hint = error.code == BUSY and not error.headers.get("Retry-After")
        return "503 without Retry-After" if busy_without_hint else str(error.code), {}
    except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: an answer that is no JSON
        return type(error).__name__, {}


def break_off(port: int, picture: bytes) -> None:
    """Send a whole request and disconnect before the answer."""
    head = f"POST /detect HTTP/1.1\r\nHost: soak\r\nContent-Length: {len(picture)}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(head + picture)


def report(tally: Tally, samples: list[tuple[float, float]], seconds: float) -> bool:
    """Print what happened; return whether all is well.

    Args:
        tally: Totals of all clients.
        samples: (seconds, resident megabytes).
        seconds: Length of the run.
    """
    _, slope = steady(samples)
    sys.stdout.write(f"outcomes: {dict(tally.outcomes.most_common())}\n")
    if tally.latencies_ms:
        times = spread(tally.latencies_ms)
        sys.stdout.write(f"answered: {tally.outcomes['200'] / seconds:.1f} a second, ")
        sys.stdout.write(f"median {times.p50_ms:.0f} ms, p95 {times.p95_ms:.0f} ms, p99 {times.p99_ms:.0f} ms\n")
    sys.stdout.write(f"memory: {samples[0][1]:.0f} MB at first, {max(size for _, size in samples):.0f} MB at most, ")
    sys.stdout.write(f"slope {slope * 60:+.2f} MB a minute\n")
    sys.stdout.write(f"mixed-up answers: {tally.mixed_up}\n")
    return tally.mixed_up == 0 and set(tally.outcomes) <= {"200", "503", "415", "broken off"}


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--queue-size", type=int, default=64)
    options = parser.parse_args()
    with running(MIEN, {"MIEN_QUEUE_SIZE": str(options.queue_size)}) as server:
        seconds, tally, samples = options.minutes * 60, Tally(), []
        started = time.monotonic()
        threads = [
            threading.Thread(target=client, args=(number, server.port, started + seconds, tally))
            for number in range(options.clients)
        ]
        for thread in threads:
            thread.start()
        while (passed := time.monotonic() - started) < seconds:
            samples.append((passed, server.resident_mb()))
            time.sleep(min(1.0, seconds / 60))
        for thread in threads:
            thread.join()
        well = report(tally, samples, seconds) and server.alive
    sys.exit(0 if well else 1)


if __name__ == "__main__":
    main()
