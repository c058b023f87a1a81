"""What a process writes to standard error once its logs are configured."""

import json
import subprocess
import sys
from pathlib import Path

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
