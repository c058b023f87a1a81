"""A real server process for tests, on a free port, with the real weights."""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class RunningServer:
    def __init__(self, process, log, host, port):
        self.process, self._log, self.host, self.port = process, log, host, port

    @property
    def address(self):
        return f"http://{self.host}:{self.port}"

    @property
    def stream_address(self):
        return f"ws://{self.host}:{self.port}/detect/stream"

    @property
    def log(self):
        return self._log.read_text()

    def wait_for_log(self, words, timeout_s=30):
        """Return the log as soon as it holds these words: a request's line is written after its answer has left."""
        patience = time.monotonic() + timeout_s
        while words not in (log := self.log):
            assert time.monotonic() < patience, f"no {words!r} in the log:\n{log}"
            time.sleep(0.05)
        return log

    def terminate(self, timeout_s=60):
        """Ask to stop, and return how long that took."""
        started = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=timeout_s)
        return time.monotonic() - started


@contextmanager
def running_server(folder, code=ROOT, program=("-m", "app"), **settings):
    """Start `mien serve` of the code in a folder and wait until it listens: it does so only once it is ready."""
    log = folder / "log"
    settings = {"allowed_hosts": "*", **settings}
    environment = {f"MIEN_{name.upper()}": str(value) for name, value in settings.items()}
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, *program, "serve", "--port", "0"], stderr=file, stdout=file, cwd=folder,
            env={**os.environ, "PYTHONPATH": str(code), **environment},
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # under nohup it would be ignored
        )  # fmt: skip
    try:
        patience = time.monotonic() + 120
        while not (found := re.search(r"running on http://([\d.]+):(\d+)", log.read_text())):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < patience, "the server did not start within two minutes"
            time.sleep(0.05)
        yield RunningServer(process, log, found[1], int(found[2]))
    finally:
        process.kill()
        process.wait()
