"""The machine that the figures were measured on."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from app.runtimes.processor import usable_cores
from benchmarks.installed import installed_mb
from benchmarks.results import Machine
from benchmarks.server import ROOT

DISTRIBUTIONS = (
    "mien", "torch", "torchvision", "openvino", "ultralytics-opencv-headless", "opencv-python-headless", "pillow",
    "simplejpeg", "fastapi", "uvicorn", "litserve",
)  # fmt: skip


def describe_machine() -> Machine:
    """Describe this machine and what is installed on it; what is not installed is left out."""
    return Machine(
        date=datetime.now(UTC).date().isoformat(),
        processor=_processor(),
        cores=usable_cores(),
        memory_gb=psutil.virtual_memory().total / 1e9,
        system=platform.platform(terse=True),
        busy_before=os.getloadavg()[0],
        versions={"python": platform.python_version(), **_versions()},
        installed_mb=installed_mb(),
        commit=_commit(),
    )


def _versions() -> dict[str, str]:
    found = {}
    for name in DISTRIBUTIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    """Return the processor's name from Linux, else from Python."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _commit() -> str:
    commit = _git("rev-parse", "--short", "HEAD")
    return commit + ("+" if _git("status", "--porcelain") else "") if commit else "unknown"


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=True)  # noqa: S603, S607
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
