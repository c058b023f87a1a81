#!/usr/bin/env python3
"""Writes requirements.lock: the plain install, each package at its pin in constraints.txt with the hashes of its files.

    .venv/bin/python scripts/lock.py            writes it; needs the extra `dev` and a package registry
    .venv/bin/python scripts/lock.py --check    says what does not fit pyproject.toml and constraints.txt; needs neither

The hashes cover every system and processor that a package has files for, and what builds Mien itself is among the
packages. No registry is named, so any that holds the same files will do: docs/decisions/0009-reproducible-installs.md.
"""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
CONSTRAINTS = ROOT / "constraints.txt"
HEAD = "# Written by scripts/lock.py. Use: pip install --require-hashes --requirement requirements.lock\n"
HASHES = r"(?P<hashes>(?: \\\n +--hash=sha256:[0-9a-f]{64})*)"
PACKAGE = re.compile(rf"^(?P<name>[\w.-]+)==(?P<version>[^\s;]+)(?: ;(?P<marker>[^\\\n]+))?{HASHES}\n", re.MULTILINE)


def wanted(pyproject: dict[str, Any]) -> list[str]:
    """Return what the plain install and the building of Mien ask for."""
    return [*pyproject["project"]["dependencies"], *pyproject["build-system"]["requires"]]


def write(pyproject: dict[str, Any], oldest_python: str) -> None:
    """Ask the registry for the files of each package and their hashes."""
    command = [
        str(Path(sys.executable).parent / "uv"), "pip", "compile", "-", "--quiet", "--python", sys.executable,
        "--constraint", str(CONSTRAINTS), "--universal", "--python-version", oldest_python,
        "--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url",
    ]  # fmt: skip
    done = subprocess.run(command, input="\n".join(wanted(pyproject)), stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603
    LOCK.write_text(HEAD + done.stdout)


def faults(lock: str, constraints: str, pyproject: dict[str, Any]) -> list[str]:
    """Return a line for each thing in which the lock does not fit the two other files, or itself.

    What a package asks for is known of the packages that are installed here only.
    """
    pins = {canonicalize_name(name): version for name, version in re.findall(r"^([\w.-]+)==(\S+)$", constraints, re.M)}
    locked = {canonicalize_name(each["name"]): each for each in PACKAGE.finditer(lock)}
    found = [
        f"this line is no package and no hash: {line}" for line in PACKAGE.sub("", lock).splitlines() if line[0] != "#"
    ]
    for name, each in locked.items():
        if not each["hashes"]:
            found.append(f"{name} has no hash")
        if name in pins and each["version"] != pins[name]:
            found.append(f"{name} is {each['version']}, in constraints.txt {pins[name]}")
        if name not in pins and not each["marker"]:  # what only another system needs has no pin
            found.append(f"{name} has no pin in constraints.txt")
    waiting, seen = [Requirement(each) for each in wanted(pyproject)], set()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name not in locked:
            found.append(f"{name} is not in the lock")
        elif (name, *sorted(requirement.extras)) not in seen:
            seen.add((name, *sorted(requirement.extras)))
            waiting += asked_for_by(requirement)
    return found


def asked_for_by(requirement: Requirement) -> list[Requirement]:
    """Return what an installed package asks for on this system; nothing for one that is not installed."""
    try:
        asked = [Requirement(each) for each in requires(requirement.name) or ()]
    except PackageNotFoundError:
        return []
    extras = ["", *requirement.extras]
    return [each for each in asked if not each.marker or any(each.marker.evaluate({"extra": name}) for name in extras)]


def main() -> None:
    """Write the lock, or only check it; either way a fault is exit code 1."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    if sys.argv[1:] != ["--check"]:
        write(pyproject, pyproject["project"]["requires-python"].removeprefix(">="))
    found = faults(LOCK.read_text(), CONSTRAINTS.read_text(), pyproject)
    for line in dict.fromkeys(found):
        sys.stderr.write(f"requirements.lock: {line}\n")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
