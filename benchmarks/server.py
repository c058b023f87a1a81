"""Starts a server on a free port of this machine, waits until it is ready, and ends it with its children."""

import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
PATIENCE_S = 120
MEGABYTE = 1e6
LOG_CHARACTERS = 4000


class ServerFailed(RuntimeError):
    """A server did not start, or exited by itself."""


@dataclass(frozen=True)
class ServerKind:
    """How to start a server.

    Attributes:
        arguments: Python's arguments; `{port}` stands for the port.
        ready_path: Path that answers 200 once requests are served.
        environment: Added to this process's own.
    """

    arguments: Sequence[str]
    ready_path: str
    environment: Mapping[str, str] = field(default_factory=dict)


MIEN = ServerKind(("-m", "app", "serve", "--port", "{port}"), "/readyz")


@dataclass(frozen=True)
class RunningServer:
    """A server that is ready.

    Attributes:
        start_s: From the start of its process to readiness, in seconds.
    """

    port: int
    start_s: float
    process: psutil.Process

    def resident_mb(self) -> float:
        """Return the resident memory of all its processes in megabytes; shared pages count for each."""
        return float(sum(each.memory_info().rss for each in self._processes())) / MEGABYTE

    def processor_s(self) -> float:
        """Return the processor time that all its processes have taken, in seconds."""
        times = [each.cpu_times() for each in self._processes()]
        return float(sum(each.user + each.system for each in times))

    @property
    def alive(self) -> bool:
        """Whether its first process runs."""
        return bool(self.process.is_running()) and bool(self.process.status() != psutil.STATUS_ZOMBIE)

    def _processes(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]


@contextmanager
def running(kind: ServerKind, environment: Mapping[str, str] | None = None) -> Iterator[RunningServer]:
    """Start a server, yield it once it is ready, then end it.

    Args:
        kind: Which one.
        environment: Added to its own.

    Raises:
        ServerFailed: If it is not ready within two minutes, or breaks off a client's connection; with its output.
    """
    port = _free_port()
    command = [sys.executable, *(each.format(port=port) for each in kind.arguments)]
    with tempfile.NamedTemporaryFile(prefix="server-", suffix=".log") as log:
        started = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603 - our own programs
            command,
            stdout=log,
            stderr=log,
            cwd=ROOT,
            env={**os.environ, **kind.environment, **(environment or {})},
            start_new_session=True,
        )
        try:
            _wait_until_ready(process, f"http://127.0.0.1:{port}{kind.ready_path}", log.name)
            server = RunningServer(port, time.perf_counter() - started, psutil.Process(process.pid))
            try:
                yield server
            except ConnectionError as error:
                raise ServerFailed(
                    f"The server broke off ({process.poll()}); it wrote:\n{_end_of(log.name)}"
                ) from error
        finally:
            _end(process)


@contextmanager
def soft_limit_of_files(most: int) -> Iterator[None]:
    """Let this process, and what it starts meanwhile, open so many files, as most systems do; they may raise it."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, before[1]), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: str) -> None:
    patience = time.perf_counter() + PATIENCE_S
    while not _answers(url):
        if process.poll() is not None or time.perf_counter() > patience:
            raise ServerFailed(f"The server is not ready; it wrote:\n{_end_of(log)}")
        time.sleep(0.05)


def _end_of(log: str) -> str:
    return Path(log).read_text(errors="replace")[-LOG_CHARACTERS:]


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own server
            return bool(answer.status == HTTPStatus.OK)
    except (urllib.error.URLError, OSError):
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask it to stop; after half a minute, kill what is left of its session."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(30)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
