"""Worker processes for rare and large pictures: whatever one does to its decoder, only its own request notices."""

import logging
import os
import signal
import socket
import subprocess  # nosec B404
import sys
import threading
from pathlib import Path
from typing import Self

from app.errors import BadPayload, MienError, Overloaded, PayloadTooLarge, UnsupportedMedia
from app.pictures.decode import Admit, Decoded, Wanted
from app.pictures.worker_messages import Message, receive, receive_images, send

ROOT = str(Path(__file__).resolve().parents[2])
START = """import sys
sys.path.insert(0, sys.argv[1])
import app
del sys.path[0]
from app.pictures.worker_main import main
main(int(sys.argv[2]))"""
PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME", "LANG")
"""Of the environment, which also holds keys."""
LONGEST_S = 60.0
"""For one step of a worker; its CPU time is bounded by itself, so this is for one that waits for something."""
TOLD = {error.code: error for error in (BadPayload, UnsupportedMedia, PayloadTooLarge)}
logger = logging.getLogger(__name__)

AVAILABLE = hasattr(socket, "AF_UNIX")
SHARED = hasattr(os, "memfd_create")


class Workers:
    """As many workers as rare and large pictures are decoded at once; each starts when first needed, or when lost.

    Args:
        shared: Whether pixels come back in shared memory; default: where the system has it.
        python: What runs them.
    """

    def __init__(self, shared: bool = SHARED, python: str = sys.executable) -> None:
        self._python = python
        self._idle: list[_Worker] = []
        self._lock, self._closed, self._shared = threading.Lock(), False, shared

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def processes(self) -> list[int]:
        """The numbers of the processes that wait for work."""
        with self._lock:
            return [worker.process.pid for worker in self._idle]

    def decode(self, payload: bytes, wanted: Wanted, admit: Admit | None = None) -> Decoded:
        """Decode a picture in a worker. May be called from several threads at once.

        Args:
            payload: As in `app.pictures.decode.decode`.
            wanted: As there.
            admit: As there; called on this thread.

        Raises:
            BadPayload: If the picture is damaged, ends its decoder or takes too long.
            UnsupportedMedia: If it is in no format that is read, or this system has no workers.
            PayloadTooLarge: If it takes more pixels or memory than allowed.
            Overloaded: If no worker can be started.
        """
        if not AVAILABLE:
            raise UnsupportedMedia("This format is read on Linux and macOS only: save the picture as JPEG or PNG.")
        worker = self._take()
        try:
            decoded = worker.decode(payload, wanted, admit, self._shared)
        except (OSError, EOFError, ValueError, KeyError) as error:
            if worker.ended_unasked():  # for want of work, just when this came
                return self.decode(payload, wanted, admit)
            raise worker.end() from error
        except MienError:
            self._keep(worker)
            raise
        except BaseException:
            worker.end()
            raise
        self._keep(worker)
        return decoded

    def close(self) -> None:
        """End all that wait for work; others end with their picture."""
        with self._lock:
            self._closed, idle, self._idle = True, self._idle, []
        for worker in idle:
            worker.end()

    def _take(self) -> "_Worker":
        while True:
            with self._lock:
                worker = self._idle.pop() if self._idle else None
            if worker is None:
                return self._start()
            if worker.process.poll() is None:
                return worker
            worker.end()

    def _start(self) -> "_Worker":
        try:
            return _Worker(self._python)
        except (OSError, EOFError, ValueError) as error:
            logger.error("No process to decode a picture can be started", exc_info=error)
            raise Overloaded("This picture cannot be decoded now; try again shortly.") from error

    def _keep(self, worker: "_Worker") -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(worker)
                return
        worker.end()


class _Worker:
    """One process, ready for work, and the connection to it; raises OSError or EOFError if it does not get ready."""

    def __init__(self, python: str) -> None:
        self._socket, other = socket.socketpair()
        self._socket.settimeout(LONGEST_S)
        with other:
            try:
                self.process = _process(python, other.fileno())
            except OSError:
                self._socket.close()
                raise
        try:
            receive(self._socket)
        except BaseException:
            self.end()
            raise

    def decode(self, payload: bytes, wanted: Wanted, admit: Admit | None, shared: bool) -> Decoded:
        asked = {"bytes": len(payload), "shared": shared, **vars(wanted)}
        send(self._socket, asked, payload)
        answer = receive(self._socket)
        if "weight" in answer:
            self._admit(answer["weight"], admit)
            answer = receive(self._socket)
        if "code" in answer:
            raise TOLD[answer["code"]](answer["detail"])
        return self._decoded(answer, wanted, shared)

    def _admit(self, weight: int, admit: Admit | None) -> None:
        try:
            if admit is not None:
                admit(weight)
        except MienError:
            send(self._socket, {"go": False})
            raise
        send(self._socket, {"go": True})

    def _decoded(self, answer: Message, wanted: Wanted, shared: bool) -> Decoded:
        shapes = [(height, width, channels) for height, width, channels in answer["shapes"]]
        if any(width * height > wanted.max_pixels or channels != 3 for height, width, channels in shapes):
            raise ValueError("A worker answered with something else than a picture.")
        images = receive_images(self._socket, shapes, shared)
        return Decoded(images, answer["width"], answer["height"], bool(answer["truncated"]))

    def ended_unasked(self) -> bool:
        """Whether it has ended in order, or just does."""
        if self._ends() and self.process.returncode == 0:
            self._socket.close()
            return True
        return False

    def end(self) -> MienError:
        """Make sure that it has ended, and return what that says about its picture."""
        self._socket.close()
        if not self._ends():
            self.process.kill()
        code = self.process.wait()
        if code in (-signal.SIGXCPU, -signal.SIGKILL):
            return PayloadTooLarge("The picture takes longer to decode than its size explains.")
        return BadPayload("The picture is truncated or damaged: it ended its decoder.")

    def _ends(self) -> bool:
        """Whether it ends by itself within a second."""
        try:
            self.process.wait(1.0)
        except subprocess.TimeoutExpired:
            return False
        return True


def _process(python: str, connection: int) -> "subprocess.Popen[bytes]":
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return subprocess.Popen(  # noqa: S603 - this same Python, and no word of a request  # nosec B603
        [python, "-P", "-c", START, ROOT, str(connection)],
        pass_fds=[connection],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        process_group=0,  # Ctrl-C is for the owner; a session of its own would be served as much as all the owner does
        cwd="/",
        env={**kept, "OPENBLAS_NUM_THREADS": "1"},
    )
