"""What a run measured, as one JSON file; the table, the figure, the page and the targets all read it from here."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

LoopName = Literal["one by one", "batches of 16", "decode overlapped", "fer"]
Precision = Literal["bf16", "fp32", "int8"]
ServerName = Literal["mien", "mien, int8", "usual way", "usual way, threads", "LitServe"]


class Frozen(BaseModel):
    """A record that refuses unknown fields, so that an old file is noticed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Spread(Frozen):
    """Percentiles of times in milliseconds."""

    p50_ms: float
    p95_ms: float
    p99_ms: float


class LoopRun(Frozen):
    """A loop in one process without a server.

    Attributes:
        per_second: Pictures a second.
        faces: How many it finds in the photo, which shows two.
        step_ms: Time of one step: a picture, or a batch where the loop takes batches.
    """

    per_second: float
    faces: int
    step_ms: Spread


class Load(Frozen):
    """A server under closed-loop clients: each asks again as soon as it is answered.

    Attributes:
        clients: How many, each with a connection of its own.
        per_second: Answers with status 200 a second, by `benchmarks.load.rate`.
        latency_ms: From the first byte sent to the last byte received.
        failed: Answers with any other status.
        client_cores: Processor time the clients took, in cores; they share the machine with the server.
        server_cores: The same of all the server's processes.
    """

    clients: int
    per_second: float
    latency_ms: Spread
    failed: int
    client_cores: float
    server_cores: float


class ServerRun(Frozen):
    """One start of a server.

    Attributes:
        start_s: From the process's start to the first good answer of its readiness route.
        idle_mb: Resident memory of all its processes before the first request, in megabytes.
        loaded_mb: The same after the last one.
        loads: By number of clients.
    """

    start_s: float
    idle_mb: float
    loaded_mb: float
    loads: list[Load]


class Round(Frozen):
    """All contenders once, one after the other; ratios are formed inside a round."""

    loops: dict[LoopName, LoopRun]
    servers: dict[ServerName, ServerRun]


class FacesCost(Frozen):
    """Median times of a 720p picture with so many faces, all of one size, on a server with one client."""

    faces: int
    detect_ms: float
    classify_ms: float
    whole_ms: float


class SizeCost(Frozen):
    """Median times of one JPEG in several sizes, on a server with one client."""

    name: str
    width: int
    height: int
    kilobytes: float
    decode_ms: float
    whole_ms: float


class Stages(Frozen):
    """Where the time of the loop goes that takes pictures one by one.

    Attributes:
        shares: Of each stage; they sum to 1.
        gpu_mb: Most memory that the device held; None on a CPU.
    """

    shares: dict[str, float]
    gpu_mb: float | None


class RightAnswers(Frozen):
    """Many clients at once against the same pictures asked alone.

    Attributes:
        precision: What the server computed in.
        wrong: Answers with another number of faces, another status, or further away than allowed.
        box_px: Largest distance of a box's edge from the lone answer's, of the answers with as many faces.
        probability: Largest difference of a probability, of the same.
    """

    precision: Precision
    clients: int
    requests: int
    wrong: int
    box_px: float
    probability: float


class MemoryGrowth(Frozen):
    """The server's resident memory over many requests of mixed sizes.

    Attributes:
        steady_mb: Mean after the first fifth, in which pools and caches fill.
        kb_per_1000: Slope of a straight line through what comes after it.
        samples: (requests answered, megabytes).
    """

    requests: int
    failed: int
    steady_mb: float
    kb_per_1000: float
    samples: list[tuple[int, float]]


class Machine(Frozen):
    """What was measured on, and what.

    Attributes:
        busy_before: Processes that wanted a core in the minute before the run, on average; what installed or built
            something just before still counts.
        versions: By distribution.
        commit: Of the checkout; with a plus sign where files differ from it.
    """

    date: str
    processor: str
    cores: int
    memory_gb: float
    system: str
    busy_before: float
    versions: dict[str, str]
    commit: str


class Networks(Frozen):
    """How the pipeline computed."""

    device: str
    runtime: str
    precision: Precision
    threads: int


class Results(Frozen):
    """A whole run; a peer that could not run is absent, and `left_out` says why.

    Attributes:
        memory: None until `python -m benchmarks memory` has run.
        quick: Whether times were short: good enough to see a break, not to quote.
    """

    quick: bool
    machine: Machine
    networks: Networks
    rounds: list[Round]
    stages: Stages
    faces: list[FacesCost]
    sizes: list[SizeCost]
    right_answers: list[RightAnswers]
    memory: MemoryGrowth | None
    left_out: list[str]
    seconds: float
