"""Guided search of cameras: what it costs in quality, and how many sessions a machine carries.

`python -m benchmarks.cameras --quality` compares guided with whole search on films made of stills;
`python -m benchmarks.cameras --faces 2 --fps 10` finds the most sessions, whole and guided. Both print JSON lines.
"""

import asyncio
import json
import time
from collections.abc import Sequence
from typing import Annotated

import typer

from app.config import Settings
from app.main import make_engine
from app.metrics import Metrics
from app.serving.engine import Engine
from benchmarks.cameras.films import FILMS, Film
from benchmarks.cameras.load import carried
from benchmarks.cameras.quality import Quality, answers, compare


def main(
    quality: Annotated[bool, typer.Option("--quality", help="Quality on films instead of sessions.")] = False,
    fps: Annotated[float, typer.Option(help="Frames a second.")] = 10.0,
    every_s: Annotated[
        float, typer.Option(help="Quality: seconds between two searches of all of a frame.")
    ] = Settings.model_fields["stream_search_every_s"].default,
    film: Annotated[list[str] | None, typer.Option(help="Quality: only these films.")] = None,
    faces: Annotated[list[int] | None, typer.Option(help="Sessions: faces in the film; default: 0, 1, 2, 8.")] = None,
    precision: Annotated[str, typer.Option(help="Sessions: the server's MIEN_PRECISION.")] = "auto",
    seconds: Annotated[float, typer.Option(help="Sessions: length of each try; quality: most of each film.")] = 8.0,
) -> None:
    """Measure one of both."""
    if not quality:
        for count in faces or (0, 1, 2, 8):
            for search in ("whole", "guided"):
                typer.echo(json.dumps(carried(count, fps, search, precision, seconds)))
        return
    asyncio.run(_quality(film or list(FILMS), fps, seconds, every_s))


async def _quality(films: Sequence[str], fps: float, seconds: float, every_s: float) -> None:
    engine, together = make_engine(Settings(), Metrics()), Quality()
    await engine.start()
    for name in films:
        one, cost = await _compared(engine, FILMS[name], fps, min(seconds, FILMS[name].seconds), every_s)
        typer.echo(json.dumps({"film": name, **one.figures(), **cost}))
        together += one
    typer.echo(json.dumps({"film": "all", **together.figures()}))
    await engine.stop()


async def _compared(
    engine: Engine, film: Film, fps: float, seconds: float, every_s: float
) -> tuple[Quality, dict[str, float]]:
    """Compare one film's answers, and say what a frame costs in milliseconds of processor time."""
    shots, found, cost = list(film.shots(fps, seconds)), [], {}
    for shot in shots:
        _ = shot.payload  # encoding is no part of the cost
    for name, every in (("whole", 0.0), ("guided", every_s)):
        began = time.process_time()
        found.append(await answers(engine, shots, every))
        cost[f"processor ms a frame, {name}"] = round(1e3 * (time.process_time() - began) / len(shots), 1)
    return compare(shots, *found), cost


if __name__ == "__main__":
    typer.run(main)
