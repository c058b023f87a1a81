"""One attack in a process of its own, so that its work is not the honest clients'; `measure.py` starts it.

It makes its payloads, writes "ready", waits for a line, attacks, and writes what came of it as JSON.
"""

import asyncio
import dataclasses
import json
import os
import resource
import sys
import time
from dataclasses import dataclass

import uvloop

from benchmarks.attacks.catalogue import all_attacks
from benchmarks.attacks.target import Target, run

READY = "ready"


@dataclass(frozen=True)
class Order:
    """What to do.

    Attributes:
        name: Of the attack.
        host: Where the server is.
        port: Where it listens.
        source: The address to come from; None: any.
        seconds: How long.
        nice: How far to stand back on the processor.
    """

    name: str
    host: str
    port: int
    source: str | None
    seconds: float
    nice: int


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Attributes:
        seconds: How long it took.
        cores: Processor time of the attacking process, in cores.
        seen: How often each outcome came: statuses, and kinds of failures.
        tries: For each question whose answer is known: right answers, and tries.
    """

    seconds: float
    cores: float
    seen: dict[str, int]
    tries: dict[str, tuple[int, int]]


def act(order: Order) -> Outcome:
    """Make ready, wait for the word, attack."""
    os.nice(order.nice)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    target = Target(order.host, order.port, order.source)
    clients = all_attacks()[order.name].make(target)
    sys.stdout.write(READY + "\n")
    sys.stdout.flush()
    sys.stdin.readline()
    began_s, worked_s = time.perf_counter(), time.process_time()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(target, clients, order.seconds))
    took_s = time.perf_counter() - began_s
    tries = {kind: (right, of) for kind, (right, of) in target.tries.items()}
    return Outcome(took_s, (time.process_time() - worked_s) / took_s, dict(target.seen), tries)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(dataclasses.asdict(act(Order(**json.loads(sys.argv[1]))))) + "\n")
