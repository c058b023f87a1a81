"""One run: every contender in turn, round after round, and the rest once."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.contenders import (
    NO_FER,
    NO_INT8,
    NO_LITSERVE,
    SERVERS,
    ChildFailed,
    has_litserve,
    measure_bare,
    measure_fer,
    measure_server,
    measure_stages,
)
from benchmarks.costs import measure_costs
from benchmarks.machine import describe_machine
from benchmarks.pictures import different
from benchmarks.results import Networks, Precision, Results, RightAnswers, Round, ServerName, ServerRun
from benchmarks.right_answers import measure_right_answers
from benchmarks.server import ServerFailed

PARALLEL_PICTURES = 64


@dataclass(frozen=True)
class Plan:
    """How long a run measures.

    Attributes:
        rounds: How often all contenders take their turn.
        loop_s: Length of each loop without a server.
        warm_up_s: Left out at the beginning of each load.
        load_s: Length of each load.
        costs_s: Length of each cost.
        right_requests: Requests compared with lone answers.
        all_precisions: Whether they are also compared in the precisions that the server uses only on request.
    """

    rounds: int
    loop_s: float
    warm_up_s: float
    load_s: float
    costs_s: float
    right_requests: int
    all_precisions: bool


QUICK = Plan(rounds=1, loop_s=4, warm_up_s=1, load_s=6, costs_s=0.7, right_requests=256, all_precisions=False)
FULL = Plan(rounds=3, loop_s=10, warm_up_s=2, load_s=15, costs_s=3, right_requests=2000, all_precisions=True)


@dataclass
class Run:
    """A run in progress.

    Attributes:
        plan: How long to measure.
        fer_python: Python of the environment with fer; None leaves fer out.
        tell: Called with what is measured next.
    """

    plan: Plan
    fer_python: Path | None
    tell: Callable[[str], None]
    left_out: list[str] = field(default_factory=list)
    fer_version: str | None = None

    def measure(self) -> Results:
        """Measure everything except the memory over many requests, which takes as long as all the rest.

        Raises:
            ChildFailed: If one of Mien's own processes fails; a peer that fails is left out.
            ServerFailed: The same.
        """
        began, machine = time.monotonic(), describe_machine()
        self.tell("numbers of faces and sizes of pictures")
        faces, sizes = measure_costs(self.plan.costs_s)
        networks, _ = measure_bare(0)
        right_answers = self._right_answers(networks)  # early, like the costs: both stop if a picture shows too few
        rounds = self._rounds(networks)
        self.tell("stages")
        stages = measure_stages(self.plan.loop_s)
        if self.fer_version:
            machine = machine.model_copy(update={"versions": {**machine.versions, "fer": self.fer_version}})
        return Results(
            quick=self.plan is QUICK,
            machine=machine,
            networks=networks,
            rounds=rounds,
            stages=stages,
            faces=faces,
            sizes=sizes,
            right_answers=right_answers,
            memory=None,
            left_out=sorted(set(self.left_out)),
            seconds=time.monotonic() - began,
        )

    def _rounds(self, networks: Networks) -> list[Round]:
        rounds = []
        for number in range(1, self.plan.rounds + 1):
            self.tell(f"round {number} of {self.plan.rounds}: loop without a server")
            _, loops = measure_bare(self.plan.loop_s)
            if self.fer_python is None:
                self.left_out.append(NO_FER)
            else:
                self.tell("fer")
                try:
                    self.fer_version, loops["fer"] = measure_fer(self.fer_python, self.plan.loop_s)
                except ChildFailed as error:
                    self.left_out.append(f"fer: {error}")
            rounds.append(Round(loops=loops, servers=self._servers(networks)))
        return rounds

    def _servers(self, networks: Networks) -> dict[ServerName, ServerRun]:
        runs: dict[ServerName, ServerRun] = {}
        for name in SERVERS:
            if name == "LitServe" and not has_litserve():
                self.left_out.append(NO_LITSERVE)
                continue
            if name == "mien, int8" and not uses_openvino(networks):
                self.left_out.append(NO_INT8)
                continue
            self.tell(f"server: {name}")
            try:
                runs[name] = measure_server(name, self.plan.warm_up_s, self.plan.load_s)
            except (ServerFailed, ConnectionError) as error:
                if name != "LitServe":
                    raise
                self.left_out.append(f"LitServe: {error}")
        return runs

    def _right_answers(self, networks: Networks) -> list[RightAnswers]:
        precisions: set[Precision] = {networks.precision}
        if self.plan.all_precisions:
            precisions |= {"fp32", "int8"} if uses_openvino(networks) else {"fp32"}
        pictures = different(PARALLEL_PICTURES)
        compared = []
        for precision in sorted(precisions):
            self.tell(f"{self.plan.right_requests} answers under load against lone ones, {precision}")
            compared.append(measure_right_answers(pictures, self.plan.right_requests, precision))
        return compared


def uses_openvino(networks: Networks) -> bool:
    """Whether OpenVINO runs the networks: PyTorch has no int8 here."""
    return networks.runtime.startswith("OpenVINO")
