"""The attacks by name. Each is one function that makes its payloads and returns its clients."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.attacks.target import Client, Target

Make = Callable[[Target], Sequence[Client]]


@dataclass(frozen=True)
class Attack:
    """One way to harm the server.

    Attributes:
        name: Of its function.
        point: Number of the weakness that it looks for, 1 to 17; attacks with the same number are kin.
        what: What its clients do, in a line.
        make: Makes its payloads and its clients.
        settings: Of the server, where it needs other than the defaults.
        least_s: The least time it takes, where it counts tries.
    """

    name: str
    point: int
    what: str
    make: Make
    settings: Mapping[str, str] = field(default_factory=dict)
    least_s: float = 0.0


ATTACKS: dict[str, Attack] = {}


def attack(point: int, settings: Mapping[str, str] | None = None, least_s: float = 0.0) -> Callable[[Make], Make]:
    """Put a function into the catalogue; the first line of its docstring says what it does."""

    def add(make: Make) -> Make:
        name, what = make.__name__, (make.__doc__ or "").splitlines()[0].rstrip(".")
        ATTACKS[name] = Attack(name, point, what, make, settings or {}, least_s)
        return make

    return add


def all_attacks() -> Mapping[str, Attack]:
    """Return the whole catalogue, in the order of the points."""
    from benchmarks.attacks import bodies, connections, pictures, requests, streams  # noqa: F401 - they add themselves

    return dict(sorted(ATTACKS.items(), key=lambda item: item[1].point))
