"""One attack against one server: honest clients in quiet, under the attack, and the memory before, during and after."""

import asyncio
import dataclasses
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.attacks.attacker import READY, Order, Outcome
from benchmarks.attacks.catalogue import Attack
from benchmarks.attacks.honest import Honest, Watched
from benchmarks.attacks.target import Target
from benchmarks.server import ROOT

ATTACKER = "127.0.0.2"
"""Where attacks come from; each honest client has an address of its own: without a key, a client is its address."""

SAMPLE_EVERY_S = 0.1
PATIENCE_S = 180.0
"""For an attack to make its payloads, and to end once its time is up."""

HELPERS = 2
"""Honest clients besides those that ask /detect: the prober and the stream's."""


@dataclass(frozen=True)
class Aim:
    """A server.

    Attributes:
        host: Where it is.
        port: Where it listens.
        memory_mb: Tells its resident memory, in megabytes; None if it is somebody else's.
    """

    host: str
    port: int
    memory_mb: Callable[[], float] | None = None

    def target(self, source: str) -> Target:
        """Return it as a client with this address reaches it; elsewhere than on this machine all have the same."""
        return Target(self.host, self.port, source if self.host.startswith("127.") else None)

    def honest(self, clients: int) -> Honest:
        """Make honest clients."""
        return Honest([self.target(f"127.0.1.{number + 1}") for number in range(clients + HELPERS)], clients)


@dataclass(frozen=True)
class Plan:
    """How to measure.

    Attributes:
        seconds: Length of an attack.
        quiet_s: How long honest clients are watched before.
        rest_s: How long after the attack the memory is read.
        clients: Honest clients of /detect.
        nice: How far attackers stand back on the processor, which they share with the server.
    """

    seconds: float = 10.0
    quiet_s: float = 5.0
    rest_s: float = 60.0
    clients: int = 4
    nice: int = 10


@dataclass(frozen=True)
class Figures:
    """What one attack did.

    Attributes:
        name: Of the attack.
        point: As the attack's.
        what: What its clients do.
        quiet: What honest clients saw before.
        under: What they saw meanwhile.
        outcome: What the attackers saw.
        memory_mb: Before, at the peak, and after the rest; None if it is not known.
        rest_s: The rest.
    """

    name: str
    point: int
    what: str
    quiet: Watched
    under: Watched
    outcome: Outcome
    memory_mb: tuple[float, float, float] | None
    rest_s: float


async def measure(attack: Attack, aim: Aim, plan: Plan) -> Figures:
    """Measure one attack.

    Raises:
        ConnectionError: If honest clients are not answered even before.
        RuntimeError: If the attack cannot be made.
    """
    honest = aim.honest(plan.clients)
    await honest.learn()
    attacker = await prepare(attack, aim, plan)
    quiet = await honest.watch(asyncio.sleep(plan.quiet_s))
    idle_mb = aim.memory_mb() if aim.memory_mb else 0.0
    peak = Peak(aim)
    under, outcome = await assault(attacker, honest, peak)
    await asyncio.sleep(plan.rest_s)
    memory_mb = (idle_mb, peak.most_mb, aim.memory_mb()) if aim.memory_mb else None
    return Figures(attack.name, attack.point, attack.what, quiet, under, outcome, memory_mb, plan.rest_s)


class Peak:
    """The most memory that was seen.

    Args:
        aim: The server.
    """

    def __init__(self, aim: Aim) -> None:
        self._aim, self.most_mb = aim, 0.0

    async def follow(self) -> None:
        """Look again and again, until cancelled."""
        while self._aim.memory_mb is not None:
            self.most_mb = max(self.most_mb, self._aim.memory_mb())
            await asyncio.sleep(SAMPLE_EVERY_S)


async def prepare(attack: Attack, aim: Aim, plan: Plan) -> asyncio.subprocess.Process:
    """Start the process of an attack, which makes its payloads and then waits.

    Raises:
        RuntimeError: If it fails.
    """
    source, seconds = aim.target(ATTACKER).source, max(plan.seconds, attack.least_s)
    order = json.dumps(dataclasses.asdict(Order(attack.name, aim.host, aim.port, source, seconds, plan.nice)))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.attacks.attacker", order, cwd=ROOT,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None  # noqa: S101 - piped above
    said = await asyncio.wait_for(process.stdout.readline(), PATIENCE_S)
    if said.decode().strip() != READY:
        raise RuntimeError(f"The attack {attack.name} could not be prepared; see above.")
    return process


async def assault(attacker: asyncio.subprocess.Process, honest: Honest, peak: Peak) -> tuple[Watched, Outcome]:
    """Let a prepared attack loose, and watch honest clients until it is over."""
    following = asyncio.create_task(peak.follow())
    said = asyncio.create_task(attacker.communicate(b"go\n"))
    try:
        under = await honest.watch(asyncio.wait_for(said, PATIENCE_S))
    except TimeoutError as error:
        raise RuntimeError(f"The attack did not end within {PATIENCE_S:.0f} s.") from error
    finally:
        following.cancel()
        if attacker.returncode is None:
            attacker.kill()
            await attacker.wait()
    if attacker.returncode != 0:
        raise RuntimeError("The attacking process failed; see above.")
    told = json.loads(said.result()[0])
    return under, Outcome(**told)
