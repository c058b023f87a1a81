"""Load on WS /detect/stream: round trips, drops, fairness between sessions, and the server's memory.

`python -m benchmarks.stream --fps 15 --seconds 60 --sessions 1 --url ws://127.0.0.1:8000/detect/stream --pid PID`
"""

import asyncio
import io
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import psutil
import typer
from PIL import Image as Pillow
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.pictures import photo
from benchmarks.server import MEGABYTE
from benchmarks.spread import spread, steady


@dataclass
class Tally:
    """What one session saw.

    Attributes:
        sent: When each frame was sent, in seconds.
        round_trips_ms: Round trips of the processed frames.
        replies: How many of each kind; drops by reason.
        late_drops: Drops after the first second.
    """

    sent: list[float] = field(default_factory=list)
    round_trips_ms: list[float] = field(default_factory=list)
    replies: dict[str, int] = field(default_factory=dict)
    late_drops: int = 0

    def take(self, reply: dict[str, object]) -> None:
        """Count one reply."""
        seq, now = int(str(reply["seq"])), time.perf_counter()
        kind = str(reply.get("reason") or reply["type"])
        self.replies[kind] = self.replies.get(kind, 0) + 1
        if reply["type"] == "frame.result":
            self.round_trips_ms.append((now - self.sent[seq]) * 1e3)
        elif reply["type"] == "frame.dropped" and self.sent[seq] - self.sent[0] > 1:
            self.late_drops += 1


async def run_session(
    url: str, payloads: Sequence[bytes], fps: float, seconds: float, delay_s: float, **settings: object
) -> Tally:
    """Send pictures, again and again, at a steady rate and take every reply; settings are the session's."""
    tally, frames = Tally(), round(fps * seconds)
    await asyncio.sleep(delay_s)
    async with connect(url, max_size=None, compression=None) as session:
        await session.recv()
        if settings:
            await session.send(json.dumps({"type": "session.update", **settings}))
            await session.recv()
        taking = asyncio.create_task(_take(session, tally, frames))
        began = time.perf_counter()
        for index in range(frames):
            await asyncio.sleep(max(0.0, began + index / fps - time.perf_counter()))
            tally.sent.append(time.perf_counter())
            await session.send(payloads[index % len(payloads)])
        await taking
    return tally


async def _take(session: ClientConnection, tally: Tally, frames: int) -> None:
    for _ in range(frames):
        tally.take(json.loads(await session.recv()))


async def sample_memory(pid: int, samples: list[tuple[float, float]]) -> None:
    """Record the server's resident memory, (seconds, megabytes), once per second."""
    server = psutil.Process(pid)
    while True:
        samples.append((time.perf_counter(), server.memory_info().rss / MEGABYTE))
        await asyncio.sleep(1)


async def measure(
    url: str, payload: bytes, fps: float, seconds: float, sessions: int, pid: int | None
) -> dict[str, object]:
    """Run all sessions side by side, with their starts spread over the first second."""
    samples: list[tuple[float, float]] = []
    sampling = asyncio.create_task(sample_memory(pid, samples)) if pid else None
    runs = [run_session(url, [payload], fps, seconds, index / sessions) for index in range(sessions)]
    tallies = await asyncio.gather(*runs)
    if sampling:
        sampling.cancel()
    return report(tallies, seconds, samples)


def report(tallies: list[Tally], seconds: float, samples: list[tuple[float, float]]) -> dict[str, object]:
    """Summarise; the memory's slope leaves out the first fifth, during which pools and caches fill."""
    round_trips = spread([each for tally in tallies for each in tally.round_trips_ms])
    answered = [len(tally.round_trips_ms) / seconds for tally in tallies]
    kinds = sorted({kind for tally in tallies for kind in tally.replies})
    return {
        "replies": {kind: sum(tally.replies.get(kind, 0) for tally in tallies) for kind in kinds},
        "unanswered": sum(len(tally.sent) - sum(tally.replies.values()) for tally in tallies),
        "drops_after_first_second": sum(tally.late_drops for tally in tallies),
        "round_trip_ms": {"p50": round(round_trips.p50_ms, 1), "p95": round(round_trips.p95_ms, 1)},
        "results_per_second": round(sum(answered), 2),
        "slowest_session_share_of_mean": round(min(answered) * len(answered) / sum(answered), 3),
        "rss_mb": [round(samples[0][1]), round(samples[-1][1])] if samples else None,
        "rss_slope_mb_per_minute": round(steady(samples)[1] * 60, 2) if samples else None,
    }


def main(
    url: Annotated[str, typer.Option(help="A running server.")] = "ws://127.0.0.1:8000/detect/stream",
    fps: Annotated[float, typer.Option(help="Frames a second of each session.")] = 15.0,
    seconds: Annotated[float, typer.Option(help="Length.")] = 60.0,
    sessions: Annotated[int, typer.Option(min=1, help="Sessions side by side.")] = 1,
    picture: Annotated[Path | None, typer.Option(help="Picture to send; default: ultralytics' 720p photo.")] = None,
    pid: Annotated[int | None, typer.Option(help="The server's process id, to watch its memory.")] = None,
) -> None:
    """Print one JSON object."""
    buffer = io.BytesIO()
    with Pillow.open(picture) if picture else photo() as shown:
        shown.convert("RGB").save(buffer, "JPEG", quality=85)
    typer.echo(json.dumps(asyncio.run(measure(url, buffer.getvalue(), fps, seconds, sessions, pid)), indent=1))


if __name__ == "__main__":
    typer.run(main)
