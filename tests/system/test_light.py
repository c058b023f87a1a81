"""A CPU serves without PyTorch: the server and the command line start where it cannot be imported."""

import json
import os
import subprocess
import sys
import urllib.request

import pytest

from tests.support.photos import photo_path
from tests.support.server_process import ROOT, running_server

pytestmark = pytest.mark.slow

EXTRAS = ("torch", "torchvision", "ultralytics", "safetensors", "av", "scipy", "matplotlib", "nncf")
WITHOUT = ("-c", f"import sys; sys.modules.update(dict.fromkeys({EXTRAS})); from app.cli import main; main()")
"""A None among the loaded modules is how Python itself marks a module that cannot be found."""


def mien(*words, **settings):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **settings}
    return subprocess.run(
        [sys.executable, *WITHOUT, *map(str, words)], env=environment, capture_output=True, text=True, timeout=120
    )


def test_the_server_answers_without_pytorch(tmp_path):
    with running_server(tmp_path, program=WITHOUT) as server:
        photo = urllib.request.Request(f"{server.address}/detect", photo_path("zidane").read_bytes())  # noqa: S310
        with urllib.request.urlopen(photo, timeout=60) as answer:  # noqa: S310 - our own server
            assert len(json.load(answer)["faces"]) == 2
        with urllib.request.urlopen(f"{server.address}/models", timeout=60) as answer:  # noqa: S310
            assert json.load(answer)["runtime"].startswith("OpenVINO ")


def test_the_command_line_answers_without_pytorch(tmp_path):
    done = mien("detect", photo_path("zidane"), "--annotate", tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["faces"]) == 2
    assert list(tmp_path.glob("*.png"))


@pytest.mark.parametrize(
    ("words", "settings", "said"),
    [
        (("serve", "--device", "cuda"), {}, "pip install -e '.[gpu]'"),
        (("serve",), {"MIEN_RUNTIME": "torch"}, "pip install -e '.[gpu]'"),
        (("detect", str(photo_path("zidane")), "--device", "cuda"), {}, "pip install -e '.[gpu]'"),
        (("watch", "some.mp4"), {}, "pip install -e '.[watch]'"),
    ],
)
def test_an_extra_that_is_missing_is_named_in_one_line(words, settings, said):
    done = mien(*words, **settings)
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
