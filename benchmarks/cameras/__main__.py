"""Guided search of cameras: what it costs in quality, and how many sessions a machine carries.

`python -m benchmarks.cameras --quality` compares guided with whole search on films made of stills;
`python -m benchmarks.cameras --faces 2 --fps 10` finds the most sessions, whole and guided;
`python -m benchmarks.cameras --minutes 20 --sessions 50 --faces 2 --fps 2` watches a server's memory.
All print JSON lines.
"""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from app.config import Settings
from app.faces.types import ImageFaces
from app.main import make_engine
from app.metrics import Metrics
from app.serving.engine import Engine
from benchmarks.cameras.clips import clip_shots, with_people
from benchmarks.cameras.films import FILMS, Shot
from benchmarks.cameras.load import carried, endured
from benchmarks.cameras.quality import Quality, answers, compare


def main(
    quality: Annotated[bool, typer.Option("--quality", help="Quality on films instead of sessions.")] = False,
    fps: Annotated[float, typer.Option(help="Frames a second.")] = 10.0,
    every_s: Annotated[
        float, typer.Option(help="Quality: seconds between two searches of all of a frame.")
    ] = Settings.model_fields["stream_search_every_s"].default,
    film: Annotated[list[str] | None, typer.Option(help="Quality: only these films.")] = None,
    clip: Annotated[list[Path] | None, typer.Option(help="Quality: video files instead; several times.")] = None,
    faces: Annotated[list[int] | None, typer.Option(help="Sessions: faces in the film; default: 0, 1, 2, 8.")] = None,
    precision: Annotated[str, typer.Option(help="Sessions: the server's MIEN_PRECISION.")] = "auto",
    seconds: Annotated[float, typer.Option(help="Sessions: length of each try; quality: most of each film.")] = 8.0,
    minutes: Annotated[float, typer.Option(help="Endurance instead of sessions: length.")] = 0.0,
    sessions: Annotated[int, typer.Option(min=1, help="Endurance: sessions at once.")] = 50,
) -> None:
    """Measure one of the three."""
    if minutes:
        for count in faces or (2,):
            typer.echo(json.dumps(endured(count, fps, precision, sessions, minutes)))
        return
    if not quality:
        for count in faces or (0, 1, 2, 8):
            for search in ("whole", "guided"):
                typer.echo(json.dumps(carried(count, fps, search, precision, seconds)))
        return
    films = {} if clip and not film else {name: FILMS[name] for name in film or FILMS}
    shots = {name: list(each.shots(fps, min(seconds, each.seconds))) for name, each in films.items()}
    shots.update({file.name: clip_shots(file, fps, seconds) for file in clip or ()})
    asyncio.run(_quality(shots, every_s))


async def _quality(films: Mapping[str, Sequence[Shot]], every_s: float) -> None:
    engine, together = make_engine(Settings(), Metrics()), Quality()
    await engine.start()
    for name, shots in films.items():
        one, cost = await _compared(engine, shots, every_s)
        typer.echo(json.dumps({"film": name, **one.figures(), **cost}))
        together += one
    typer.echo(json.dumps({"film": "all", **together.figures()}))
    await engine.stop()


async def _compared(engine: Engine, shots: Sequence[Shot], every_s: float) -> tuple[Quality, dict[str, float]]:
    """Compare one film's answers, and say what a frame costs in milliseconds of processor time."""
    found, cost = list[list[ImageFaces]](), dict[str, float]()
    for shot in shots:
        _ = shot.payload  # encoding is no part of the cost
    for name, every in (("whole", 0.0), ("guided", every_s)):
        began = time.process_time()
        found.append(await answers(engine, shots, every))
        cost[f"processor ms a frame, {name}"] = round(1e3 * (time.process_time() - began) / len(shots), 1)
    named = shots if any(shot.people for shot in shots) else with_people(shots, found[0])
    return compare(named, *found), cost


if __name__ == "__main__":
    typer.run(main)
