"""What a process writes to standard error once its logs are configured."""

import json
import logging
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from app.logs import MOST_LINES, make_handler, request_id, written_on_a_thread

ROOT = Path(__file__).resolve().parents[1]

PROGRAM = """
import threading, warnings
from app.logs import configure_logging

class Broken:
    def __del__(self):
        raise ValueError("from a finalizer")

def fail(words):
    raise ValueError(words)

configure_logging("info", "json")
warnings.warn("a warning of a library")
thread = threading.Thread(target=fail, args=["from a thread"])
thread.start()
thread.join()
Broken()
fail("from the main thread")
"""


def test_warnings_and_what_nobody_caught_are_lines_of_json():
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, timeout=60)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert done.returncode == 1
    assert [line["logger"] for line in lines] == ["py.warnings", *["app.uncaught"] * 3]
    assert "a warning of a library" in lines[0]["message"]
    for line, words in zip(lines[1:], ("from a thread", "from a finalizer", "from the main thread"), strict=True):
        assert line["message"] == "ValueError was not caught"
        assert f"ValueError: {words}" in line["exception"]


class StuckReader(logging.Handler):
    """Where nobody reads what is written, until told."""

    def __init__(self):
        super().__init__()
        self.setFormatter(make_handler("json").formatter)
        self.entered, self.reads, self.lines = threading.Event(), threading.Event(), []

    def emit(self, record):
        self.entered.set()
        assert self.reads.wait(60)
        self.lines.append(json.loads(self.format(record)))


@pytest.fixture
def stuck(monkeypatch):
    handler, root = StuckReader(), logging.getLogger()
    monkeypatch.setattr(root, "handlers", [handler])
    monkeypatch.setattr(root, "level", logging.INFO)
    yield handler
    handler.reads.set()


def test_nobody_waits_for_who_reads_the_log(stuck):
    token = request_id.set("an id")
    with written_on_a_thread():
        logging.info("first")
        assert stuck.entered.wait(60)
        try:
            raise ValueError("in words")
        except ValueError:
            logging.exception("second")
        request_id.reset(token)
        for number in range(MOST_LINES + 5):
            logging.info("number %d", number)
        stuck.reads.set()
    logging.info("last")
    first, second, *numbers, last = stuck.lines
    assert (first["message"], first["request_id"], second["request_id"]) == ("first", "an id", "an id")
    assert "ValueError: in words" in second["exception"]
    assert [line["message"] for line in numbers] == [f"number {number}" for number in range(MOST_LINES - 1)]
    assert last["message"] == "last"


def test_lines_that_were_dropped_are_counted(stuck):
    with written_on_a_thread():
        logging.info("first")
        assert stuck.entered.wait(60)
        for _ in range(MOST_LINES + 5):
            logging.info("many")
        stuck.reads.set()
        while len(stuck.lines) <= MOST_LINES:  # until there is room again
            time.sleep(0.01)
        logging.info("then")
    assert [line["message"] for line in stuck.lines[-2:]] == ["5 lines were dropped", "then"]
