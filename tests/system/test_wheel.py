"""The wheel carries everything that serving needs, the weights included."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from app.vision.weights import sha256_of

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


def test_wheel_serves_from_another_folder(tmp_path):
    """Unpacked alone on the path, in another folder, the wheel's own code loads the wheel's own weights."""
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, ROOT]
    subprocess.run(build, check=True, capture_output=True, timeout=120)
    [wheel] = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    manifest = json.loads((site / "app" / "weights" / "manifest.json").read_text())
    for card in (manifest["detector"], manifest["emotion"]):
        assert sha256_of((site / "app" / "weights" / card["file"]).read_bytes()) == card["sha256"]
    page = ROOT / "app" / "web"
    for path in page.rglob("*.*"):
        assert (site / "app" / "web" / path.relative_to(page)).read_bytes() == path.read_bytes()
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]);"
        "import app; assert app.__file__.startswith(sys.argv[1]), app.__file__;"
        "from app.vision.weights import default_weights_dir;"
        "from app.vision.pipeline import Pipeline;"
        "Pipeline.load(default_weights_dir(), 'cpu').warm_up();"
        "print(default_weights_dir())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(site)], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(site / "app" / "weights")
