"""The real network of gender, on photos that ship inside packages."""

import json
import urllib.request

import pytest

from app.config import Settings
from app.faces.types import DetectOptions
from app.main import load_pipeline
from app.pictures.open import decode_image
from tests.support.photos import photo_path
from tests.support.server_process import running_server
from tests.system.command import THREADS
from tests.system.test_command_line import run

pytestmark = pytest.mark.slow

SAID = {"zidane": ["male", "male"], "grace_hopper": ["female"]}


@pytest.fixture(scope="module", params=["fp32", "int8"])
def pipeline(request):
    return load_pipeline(Settings(device="cpu", attributes="gender", precision=request.param))


@pytest.mark.parametrize("photo", SAID)
def test_photos_are_read_as_people_would(pipeline, photo):
    image = decode_image(photo_path(photo).read_bytes(), 50_000_000)
    asked, silent = pipeline.detect([image, image], [DetectOptions(attributes=("gender",)), DetectOptions()])
    answers = [face.answers["gender"] for face in asked.faces]
    assert [answer.best[0] for answer in answers] == SAID[photo]
    assert all(answer.best[1] > 0.7 for answer in answers)
    assert [set(face.answers) for face in silent.faces] == [{"emotion"}] * len(answers)


def test_the_command_line_asks_with_an_option():
    done = run("detect", photo_path("zidane"), "--attributes", "gender")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert [face["gender"]["label"] for face in answer["faces"]] == ["male", "male"]
    assert answer["model"]["gender"].startswith("my_model-gender@")


def test_the_command_line_refuses_what_has_no_network():
    done = run("detect", photo_path("zidane"), "--attributes", "age")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no network for 'age'; besides emotion: gender" in done.stderr


def test_a_server_says_it_if_it_was_started_so(tmp_path):
    with running_server(tmp_path, threads=THREADS, attributes="gender") as server:
        asked = urllib.request.Request(  # noqa: S310 - our own server
            f"{server.address}/detect?attributes=gender", photo_path("grace_hopper").read_bytes()
        )
        with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310
            [face] = json.load(answer)["faces"]
    assert face["gender"]["label"] == "female"
