"""docs/five-minutes.md: its commands, as written, in an empty folder."""

import json
import re
import shlex
import subprocess

import pytest

from tests.support.server_process import ROOT, running_server
from tests.system.command import ENVIRONMENT, MIEN

PAGE = ROOT / "docs" / "five-minutes.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
STARTS = "MIEN_WEIGHTS_DIR=mine mien serve\n"

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]


def words(line):
    """Return a command's words, with this environment's Python."""
    first, *rest = shlex.split(line)
    return [*(MIEN[:1] if first == "python" else [first]), *rest]


def test_every_command_works_as_written(tmp_path):
    train, serve, ask = BLOCK.findall(PAGE.read_text())
    assert serve == STARTS
    for line in train.splitlines():
        done = subprocess.run(words(line), cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=1200)
        assert done.returncode == 0, done.stderr
    assert re.search(r"Took yolov8n-face, my_model-gender along from", done.stdout)
    assert (tmp_path / "runs" / "tiny" / "curves.png").stat().st_size > 0
    assert (tmp_path / "runs" / "tiny" / "confusion-PublicTest.png").stat().st_size > 0
    accuracy = json.loads((tmp_path / "runs/tiny/evaluation.json").read_text())["splits"]["PublicTest"]["accuracy"]
    assert accuracy > 0.5  # by chance 0.2
    with running_server(tmp_path, weights_dir="mine") as server:
        answers = [
            json.loads(
                subprocess.check_output(words(line.replace("http://127.0.0.1:8000", server.address)), cwd=tmp_path)
            )
            for line in ask.splitlines()
        ]
    [face] = answers[0]["results"]
    assert set(face["probabilities"]) == {"angry", "happy", "sad", "surprise", "neutral"}
    ours = json.loads((tmp_path / "mine" / "manifest.json").read_text())["networks"]["my_model"]
    assert answers[1]["networks"]["my_model"]["artifacts"]["state"]["sha256"] == ours["artifacts"]["state"]["sha256"]
