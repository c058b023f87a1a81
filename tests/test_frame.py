"""The frame of the project: settings, documentation and layers agree."""

import json
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.config import Settings
from app.main import create_app
from app.serving.engine import Engine, EngineLimits
from tests.support.pipeline import FakePipeline

ROOT = Path(__file__).resolve().parents[1]
SNAPSHOT = Path(__file__).parent / "api" / "openapi.json"


def rows_of(page, name):
    """The table rows of a page that describe a setting."""
    return [line for line in (ROOT / page).read_text().splitlines() if line.startswith(f"| `MIEN_{name.upper()}` |")]


@pytest.mark.parametrize("name", list(Settings.model_fields))
def test_every_setting_is_documented(name):
    rows = rows_of("docs/deployment.md", name)
    assert len(rows) == 1, f"one table row for MIEN_{name.upper()} in docs/deployment.md"
    default = Settings.model_fields[name].default
    for row in [*rows, *rows_of("README.md", name)]:  # the README shows what most people set
        assert f"| `{default}` |" in row or default is None


def test_the_readme_shows_settings_that_exist():
    shown = re.findall(r"^\| `MIEN_(\w+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert shown
    assert {name.lower() for name in shown} <= set(Settings.model_fields)


def test_compose_hands_on_every_setting_that_is_not_the_images_own():
    lines = {line.strip() for line in (ROOT / "docker-compose.yml").read_text().splitlines()}
    handed_on = {name for name in Settings.model_fields if f"- MIEN_{name.upper()}" in lines}
    assert set(Settings.model_fields) - handed_on == {"host", "port", "device"}


def test_settings_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("MIEN_PORT", "9001")
    assert Settings().port == 9001
    monkeypatch.setenv("MIEN_PORT", "many")
    with pytest.raises(ValidationError):
        Settings()


def test_openapi_snapshot():
    """The wire format is a contract. After a wanted change write the file anew: `python -m tests.write_openapi`."""
    schema = create_app(engine=Engine(FakePipeline, EngineLimits())).openapi()
    assert schema == json.loads(SNAPSHOT.read_text())


def test_constraints_name_no_index_and_pin_every_dependency():
    import tomllib

    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and line[0] != "#"]
    assert all("==" in line and "/" not in line and "@" not in line for line in lines)
    pinned = {line.split("==")[0].lower() for line in lines}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + [each for group in project["optional-dependencies"].values() for each in group]
    names = {each.split(">=")[0].split("[")[0].lower() for each in wanted}
    assert names - pinned == {"mien"}


def test_only_rates_logs_and_time_stamps_look_at_the_wall_clock():
    """Deadlines must survive clock jumps: they are monotonic."""
    wall = ("time.time(", "datetime.now", "gmtime")
    files = {path.name for path in (ROOT / "app").rglob("*.py") if any(each in path.read_text() for each in wall)}
    assert files <= {"shared_window.py", "logs.py", "source.py", "markup.py"}  # a camera's frames and reports say when
