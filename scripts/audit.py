#!/usr/bin/env python3
"""Asks the package registry for known vulnerabilities of the pinned versions; fails only on a vulnerability.

A registry that is unreachable or does not know a package is reported, not a failure: a mirror often lacks the list.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
command = [
    str(Path(sys.executable).parent / "pip-audit"), "--disable-pip", "--no-deps", "--progress-spinner", "off",
    "--format", "json", "--timeout", "10", "--requirement", str(ROOT / "constraints.txt"),
]  # fmt: skip
done = subprocess.run(command, capture_output=True, text=True)  # noqa: S603
try:
    packages = json.loads(done.stdout)["dependencies"]
except ValueError:
    sys.stdout.write("audit: the registry did not answer; nothing was checked\n")
    sys.exit(0)
checked = [each for each in packages if "vulns" in each]
bad = [(each["name"], each["version"], found["id"]) for each in checked for found in each["vulns"]]
sys.stdout.write(f"audit: {len(checked)} of {len(packages)} packages checked, {len(bad)} vulnerabilities known\n")
for name, version, identifier in bad:
    sys.stdout.write(f"{name} {version}: {identifier}\n")
sys.exit(1 if bad else 0)
