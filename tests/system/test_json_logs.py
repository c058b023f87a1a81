"""With MIEN_LOG_FORMAT=json, all of a real server's standard error is JSON, whatever its libraries have to say."""

import json
import random
import subprocess
import urllib.request
from urllib.error import HTTPError

import pytest

from tests.hostile.pictures import mutate, seeds
from tests.support.pictures import encode, gradient
from tests.support.server_process import running_server
from tests.system.command import ENVIRONMENT, MIEN

pytestmark = pytest.mark.slow

EXIF_CUT_OFF = b"Exif\0\0II*\0\x08\0\0\0\x01\0"
"""It announces one tag and holds none; Pillow warns of it."""


def damaged(random):
    """Yield pictures that decoders complain about, at least one of each format and each of its kinds."""
    yield encode(gradient(), "JPEG", exif=EXIF_CUT_OFF)
    for _, payload in seeds():
        yield payload[: len(payload) * 2 // 3]
        for _ in range(4):
            yield mutate(payload, random)


def post(address, payload):
    request = urllib.request.Request(f"{address}/detect", payload, {"Content-Type": "image/any"})  # noqa: S310 - our own
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return answer.status
    except HTTPError as error:
        with error:
            return error.code


def test_damaged_files_of_every_format_leave_json_only(tmp_path):
    with running_server(tmp_path, log_format="json", threads=1) as server:
        statuses = [post(server.address, each) for each in damaged(random.Random(1))]  # noqa: S311
        server.terminate()
        lines = [json.loads(line) for line in server.log.splitlines()]
    assert {200, 400, 415} <= set(statuses) <= {200, 400, 413, 415}
    assert [line["status"] for line in lines if "status" in line] == statuses
    [warning] = [line for line in lines if "Corrupt EXIF" in line["message"]]
    assert (warning["logger"], warning["level"]) == ("py.warnings", "warning")


@pytest.mark.parametrize("environment", [{"MIEN_PORT": "no"}, {"MIEN_WEIGHTS_DIR": "/nonexistent"}])
def test_what_stops_the_start_is_json_too(environment):
    settings = {**ENVIRONMENT, "MIEN_LOG_FORMAT": "json", **environment}
    done = subprocess.run([*MIEN, "serve"], env=settings, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    [line] = [json.loads(each) for each in done.stderr.splitlines()]
    assert (line["level"], line["logger"]) == ("error", "app.commands.start")
    assert not line["message"].startswith("mien: ")
