"""Prints the dependencies that pyproject.toml declares, one per line; an argument names an extra to print instead."""

import sys
import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
extra = sys.argv[1] if len(sys.argv) > 1 else None
wanted = project["optional-dependencies"][extra] if extra else project["dependencies"]
sys.stdout.write("\n".join(wanted) + "\n")
