"""The lock of the plain install says the same as pyproject.toml and constraints.txt, and its check sees when not."""

import runpy
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
faults = runpy.run_path(str(ROOT / "scripts" / "lock.py"))["faults"]

HASH = f" \\\n    --hash=sha256:{'0' * 64}\n"
PROJECT = {"project": {"dependencies": ["httptools>=0.6"]}, "build-system": {"requires": ["Pluggy>=1"]}}
PINS = "httptools==0.9.0\npluggy==1.7.0\n"
GOOD = f"# A comment.\nhttptools==0.9.0{HASH}pluggy==1.7.0{HASH}"


def test_a_lock_that_fits():
    assert faults(GOOD, PINS, PROJECT) == []
    assert faults(f"{GOOD}colorama==0.4.6 ; sys_platform == 'win32'{HASH}", PINS, PROJECT) == []


@pytest.mark.parametrize(
    ("lock", "fault"),
    [
        (GOOD.replace("0.9.0", "0.8.0"), "httptools is 0.8.0, in constraints.txt 0.9.0"),
        (GOOD.removesuffix(HASH) + "\n", "pluggy has no hash"),
        (GOOD + f"six==1.17.0{HASH}", "six has no pin in constraints.txt"),
        (GOOD.partition("pluggy")[0], "pluggy is not in the lock"),
        ("--index-url somewhere\n" + GOOD, "this line is no package and no hash: --index-url somewhere"),
    ],
)
def test_each_fault_is_named(lock, fault):
    assert faults(lock, PINS, PROJECT) == [fault]


def test_what_a_package_asks_for_is_looked_for():
    """pytest needs pluggy and more, and is installed wherever this runs."""
    project = {**PROJECT, "project": {"dependencies": ["pytest"]}}
    found = faults(GOOD + f"pytest==9.2.0{HASH}", PINS + "pytest==9.2.0\n", project)
    assert "iniconfig is not in the lock" in found
    assert "pluggy is not in the lock" not in found


def test_the_lock_of_this_checkout_fits():
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert faults(LOCK.read_text(), (ROOT / "constraints.txt").read_text(), pyproject) == []
