"""Prints the dependencies that pyproject.toml declares, one per line; an argument names an extra to print instead."""

import sys
import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]


def of_extra(name: str) -> list[str]:
    """Return what an extra needs, with that of the extras that it names itself."""
    needed: list[str] = []
    for each in project["optional-dependencies"][name]:
        inner = each.removeprefix("mien[").removesuffix("]") if each.startswith("mien[") else ""
        needed += [more for extra in inner.split(",") for more in of_extra(extra)] if inner else [each]
    return needed


wanted = of_extra(sys.argv[1]) if len(sys.argv) > 1 else project["dependencies"]
sys.stdout.write("\n".join(wanted) + "\n")
