"""The contenders: each runs alone, in its own processes, so that none takes resources from another."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from benchmarks.http_client import post, post_form
from benchmarks.load import measure_load
from benchmarks.pictures import photo_bytes
from benchmarks.results import LoopName, LoopRun, Networks, ServerName, ServerRun, Stages
from benchmarks.server import MIEN, ROOT, ServerKind, running
from benchmarks.spread import spread

USUAL_WAY = ServerKind(("-m", "uvicorn", "benchmarks.usual_way:app", "--port", "{port}"), "/ready")
LITSERVE = ServerKind(("-m", "benchmarks.litserve_app", "--port", "{port}"), "/health")

MIEN_INT8 = replace(MIEN, environment={"MIEN_PRECISION": "int8"})

SERVERS: dict[ServerName, tuple[ServerKind, str]] = {
    "mien": (MIEN, "/detect"),
    "mien, int8": (MIEN_INT8, "/detect"),
    "usual way": (USUAL_WAY, "/detect"),
    "usual way, threads": (USUAL_WAY, "/detect-in-threads"),
    "LitServe": (LITSERVE, "/detect"),
}
"""How each is started, and the path to request."""

CLIENTS: dict[ServerName, tuple[int, ...]] = {
    "mien": (1, 4, 16, 64),
    "mien, int8": (1, 16),
    "usual way": (1, 16),
    "usual way, threads": (16,),
    "LitServe": (1, 16),
}

NO_INT8 = "int8 is computed by OpenVINO, which did not run the networks here"
NO_LITSERVE = "LitServe is not installed here: pip install '.[bench]'"
NO_FER = "fer lives in an environment of its own: see benchmarks/fer-requirements.txt, then pass --fer-python"


class ChildFailed(RuntimeError):
    """A measuring process ended with an error; its message is already on stderr."""


def measure_bare(seconds: float) -> tuple[Networks, dict[LoopName, LoopRun]]:
    """Run the loops without a server."""
    answer = json.loads(_run([sys.executable, "-m", "benchmarks.bare", "--seconds", str(seconds)]))
    runs = {name: LoopRun.model_validate(each) for name, each in answer["loops"].items()}
    return Networks.model_validate(answer["networks"]), runs


def measure_stages(seconds: float) -> Stages:
    """Measure where a picture's time goes."""
    return Stages.model_validate_json(_run([sys.executable, "-m", "benchmarks.stages", "--seconds", str(seconds)]))


def measure_server(name: ServerName, warm_up_s: float, seconds: float) -> ServerRun:
    """Start a server, load it with each of its client counts in turn, and stop it."""
    kind, path = SERVERS[name]
    write = post if kind in (MIEN, MIEN_INT8) else post_form  # the others expect a browser's form upload
    request = write(path, photo_bytes())
    with running(kind) as server:
        idle_mb = server.resident_mb()
        loads = [measure_load(server, request, clients, warm_up_s, seconds) for clients in CLIENTS[name]]
        return ServerRun(start_s=server.start_s, idle_mb=idle_mb, loaded_mb=server.resident_mb(), loads=loads)


def measure_fer(python: Path, seconds: float) -> tuple[str, LoopRun]:
    """Run fer in a loop under the Python it is installed for; return its version too."""
    with tempfile.NamedTemporaryFile(suffix=".jpg") as file:
        Path(file.name).write_bytes(photo_bytes())
        answer = json.loads(_run([str(python), "benchmarks/fer_loop.py", file.name, str(seconds)]))
    times_ms: list[float] = answer["times_ms"]
    rate = len(times_ms) * 1e3 / sum(times_ms)
    return answer["version"], LoopRun(per_second=rate, faces=answer["faces"], step_ms=spread(times_ms))


def has_litserve() -> bool:
    """Whether LitServe can be imported here."""
    return find_spec("litserve") is not None


def _run(command: Sequence[str]) -> str:
    """Run a measuring process and return the last line it prints.

    Raises:
        ChildFailed: If it fails.
    """
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603 - our own
    if done.returncode or not done.stdout.strip():
        raise ChildFailed(f"{' '.join(command)} ended with {done.returncode}.")
    return done.stdout.strip().splitlines()[-1]
