"""The wheel carries everything that serving needs, the weights included."""

import io
import json
import subprocess
import sys
import urllib.request
import zipfile
from pathlib import Path

import pytest

from app.manifest import load_manifest
from app.weights import NetworkFiles
from tests.support.photos import photo_path
from tests.support.server_process import running_server

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


def test_wheel_serves_from_another_folder(tmp_path):
    """Unpacked first on the path, in another folder, the wheel's own code serves with the wheel's own weights."""
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, ROOT]
    subprocess.run(build, check=True, capture_output=True, timeout=120)
    [wheel] = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    for name, card in load_manifest(site / "app" / "weights").networks.items():
        files = NetworkFiles(name, card, site / "app" / "weights")
        assert files.read_state()
        assert all(files.read_graph(int8=False) + files.read_graph(int8=True))
    page = ROOT / "app" / "web"
    for path in page.rglob("*.*"):
        assert (site / "app" / "web" / path.relative_to(page)).read_bytes() == path.read_bytes()
    mark = site / "app" / "about" / "README.md"
    mark.write_text(f"The code of {site}.")
    with running_server(tmp_path, code=site) as server:
        with urllib.request.urlopen(f"{server.address}/source", timeout=60) as answer:  # noqa: S310 - our own server
            source = zipfile.ZipFile(io.BytesIO(answer.read()))
        for name in ("pyproject.toml", "constraints.txt", "LICENSE", "app/cli.py"):
            assert source.read(name) == (ROOT / name).read_bytes()
        assert source.read("README.md") == mark.read_bytes()  # so this is not the checkout's code
        assert not [name for name in source.namelist() if "/about/" in name]
        photo = urllib.request.Request(f"{server.address}/detect", photo_path("zidane").read_bytes())  # noqa: S310
        with urllib.request.urlopen(photo, timeout=60) as answer:  # noqa: S310
            assert len(json.load(answer)["faces"]) == 2
