"""How much room a plain install takes: the files of Mien's dependencies and of theirs."""

import re
from importlib.metadata import PackageNotFoundError, distribution

NAME = re.compile(r"[A-Za-z0-9._-]+")


def installed_mb(root: str = "mien") -> float:
    """Return the size of a distribution's dependencies without extras, in megabytes; its own files are not counted."""
    seen: set[str] = set()
    waiting = _needs(root)
    total = 0
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        try:
            found = distribution(name)
        except PackageNotFoundError:  # needed on other systems only
            continue
        paths = [each.locate() for each in found.files or ()]
        total += sum(path.stat().st_size for path in paths if path.is_file())  # type: ignore[attr-defined]
        waiting |= _needs(name)
    return total / 1e6


def _needs(name: str) -> set[str]:
    """Return the names that a distribution requires where no extra is asked for."""
    try:
        requirements = distribution(name).requires or []
    except PackageNotFoundError:
        return set()
    plain = [each for each in requirements if "extra ==" not in each]
    return {match[0].lower().replace("_", "-") for each in plain if (match := NAME.match(each))}
