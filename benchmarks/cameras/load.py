"""How many cameras a server carries: sessions that send a film at a steady rate, more and more of them."""

import asyncio
import time
from collections.abc import Mapping, Sequence

import psutil

from benchmarks.cameras.films import LOOP_S, seated
from benchmarks.server import MIEN, RunningServer, running
from benchmarks.spread import spread
from benchmarks.stream import Tally, report, run_session, sample_memory

MOST_P95_MS = 150.0
MOST_SESSIONS = 60


def film_bytes(faces: int, fps: float) -> list[bytes]:
    """Return the frames of a film of people who sit, 1280 x 720, as JPEG."""
    return [shot.payload for shot in seated(faces).shots(fps, LOOP_S)]


def carried(faces: int, fps: float, search: str, precision: str, seconds: float) -> dict[str, object]:
    """Return how many sessions a new server carries: all answered in time, no frame dropped for want of time.

    It also says how many cores other programs kept busy at most in a try: the more, the lower the figure.

    Args:
        faces: In the film.
        fps: Frames a second of each session.
        search: The sessions' setting.
        precision: The server's setting.
        seconds: Length of each try.
    """
    frames = film_bytes(faces, fps)
    with running(MIEN, {"MIEN_PRECISION": precision}) as server:
        _try(server, frames, fps, search, 1, seconds)  # sets up the shapes
        good, bad, best, others = 0, MOST_SESSIONS + 1, 0.0, 0.0
        while bad - good > 1:
            sessions = min(2 * good or 1, (good + bad) // 2)
            elsewhere = Elsewhere(server)
            p95_ms, late = _try(server, frames, fps, search, sessions, seconds)
            others = max(others, elsewhere.cores())
            if late == 0 and p95_ms < MOST_P95_MS:
                good, best = sessions, p95_ms
            else:
                bad = sessions
    kind = {"faces": faces, "fps": fps, "search": search, "precision": precision}
    return {**kind, "sessions": good, "p95_ms": round(best, 1), "cores of others": round(others, 2)}


def endured(faces: int, fps: float, precision: str, sessions: int, minutes: float) -> dict[str, object]:
    """Return what becomes of a new server's memory and answers while so many sessions go on for minutes.

    Args:
        faces: As in `carried`.
        fps: As in `carried`.
        precision: As in `carried`.
        sessions: So many at once.
        minutes: How long.
    """
    frames, samples = film_bytes(faces, fps), list[tuple[float, float]]()
    with running(MIEN, {"MIEN_PRECISION": precision}) as server:

        async def watched() -> list[Tally]:
            sampling = asyncio.create_task(sample_memory(server.process.pid, samples))
            try:
                return await _run(server.port, frames, fps, "guided", sessions, 60 * minutes)
            finally:
                sampling.cancel()

        tallies = asyncio.run(watched())
    return {"faces": faces, "fps": fps, "sessions": sessions, **report(tallies, 60 * minutes, samples)}


def _try(
    server: RunningServer, frames: Sequence[bytes], fps: float, search: str, sessions: int, seconds: float
) -> tuple[float, int]:
    """Return the p95 of the round trips, and how many frames were late, after the first second."""
    tallies = asyncio.run(_run(server.port, frames, fps, search, sessions, seconds))
    round_trips = spread([each for tally in tallies for each in tally.round_trips_ms])
    failed = sum(tally.replies.get("frame.error", 0) for tally in tallies)
    return round_trips.p95_ms, failed + sum(tally.late_drops for tally in tallies)


class Elsewhere:
    """What processor time other programs take from now on than this one and the server.

    Args:
        server: Not counted.
    """

    def __init__(self, server: RunningServer) -> None:
        self._server, self._began, self._before = server, time.perf_counter(), self._seconds(server)

    def cores(self) -> float:
        """Return how many cores were busy with them."""
        return (self._seconds(self._server) - self._before) / (time.perf_counter() - self._began)

    @staticmethod
    def _seconds(server: RunningServer) -> float:
        return busy_s(psutil.cpu_times()._asdict()) - server.processor_s() - time.process_time()


def busy_s(times: Mapping[str, float]) -> float:
    """Return how long programs and the system kept the processors busy; guests' time is in that of users already.

    Args:
        times: In seconds, by kind, as psutil has them; what was stolen is no program's.
    """
    return sum(times.get(kind, 0.0) for kind in ("user", "nice", "system", "irq", "softirq"))


async def _run(
    port: int, frames: Sequence[bytes], fps: float, search: str, sessions: int, seconds: float
) -> list[Tally]:
    url = f"ws://127.0.0.1:{port}/detect/stream"
    starts = [(index / sessions, frames[index * 7 % len(frames) :]) for index in range(sessions)]
    return await asyncio.gather(
        *(run_session(url, [*first, *frames], fps, seconds, delay_s, search=search) for delay_s, first in starts)
    )
