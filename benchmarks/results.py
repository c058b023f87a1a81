"""A run's measurements, as one JSON file; the tables, the figure, the page and the targets all read them from here."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

LoopName = Literal["one by one", "batches of 16", "decode overlapped", "fer"]
Precision = Literal["auto", "bf16", "fp32", "int8"]
"""The setting MIEN_PRECISION."""
ServerName = Literal["mien", "mien, int8", "usual way", "usual way, threads", "LitServe"]


class Frozen(BaseModel):
    """A record that refuses unknown fields, so that an old file is detected."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Spread(Frozen):
    """Percentiles of times in milliseconds."""

    p50_ms: float
    p95_ms: float
    p99_ms: float


class LoopRun(Frozen):
    """A loop in one process without a server.

    Attributes:
        per_second: Pictures per second.
        faces: How many it finds in the photo, which shows two.
        step_ms: Time of one step: a picture, or a batch if the loop takes batches.
    """

    per_second: float
    faces: int
    step_ms: Spread


class Load(Frozen):
    """A server under closed-loop clients: each sends its next request as soon as it is answered.

    Attributes:
        clients: How many, each with its own connection.
        per_second: Answers with status 200 per second, by `benchmarks.load.rate`.
        latency_ms: From the first byte sent to the last byte received.
        failed: Answers with any other status.
        client_cores: Processor time that the clients took, in cores; they share the machine with the server.
        server_cores: The same for all the server's processes.
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
        start_s: From the process's start to the first good answer from its readiness route.
        idle_mb: Resident memory of all its processes before the first request, in megabytes.
        loaded_mb: The same after the last one.
        loads: By number of clients.
    """

    start_s: float
    idle_mb: float
    loaded_mb: float
    loads: list[Load]


class Round(Frozen):
    """All contenders once, one after the other; ratios are taken within a round."""

    loops: dict[LoopName, LoopRun]
    servers: dict[ServerName, ServerRun]


class FacesCost(Frozen):
    """Median times of a 720p picture with this many faces, all the same size, on a server with one client."""

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
    """Where the time goes in the loop that takes pictures one by one.

    Attributes:
        shares: Share of each stage; they sum to 1.
        gpu_mb: Peak memory on the device; None on a CPU.
    """

    shares: dict[str, float]
    gpu_mb: float | None


class RightAnswers(Frozen):
    """Many clients at once compared with the same pictures sent alone.

    Attributes:
        precision: The precision that the server computed in.
        wrong: Answers with another number of faces, another status, or further off than allowed.
        box_px: Largest distance of a box's edge from the lone answer's, over answers with the same number of faces.
        probability: Largest difference of a probability, over the same answers.
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
        steady_mb: Mean after the first fifth, during which pools and caches fill.
        kb_per_1000: Slope of a straight line through the samples after it.
        samples: (requests answered, megabytes).
    """

    requests: int
    failed: int
    steady_mb: float
    kb_per_1000: float
    samples: list[tuple[int, float]]


class Machine(Frozen):
    """The machine measured on, and the software measured.

    Attributes:
        busy_before: Processes that wanted a core in the minute before the run, on average; an install or build just
            before still counts.
        versions: By distribution.
        installed_mb: Size of the files of a plain install: Mien's dependencies and theirs.
        commit: The checkout's commit; with a plus sign if files differ from it.
    """

    date: str
    processor: str
    cores: int
    memory_gb: float
    system: str
    busy_before: float
    versions: dict[str, str]
    installed_mb: float
    commit: str


class Networks(Frozen):
    """How the pipeline computed.

    Attributes:
        runtime: Its own description: library, version, each network's format, device.
        precision: The setting.
    """

    runtime: str
    precision: Precision
    threads: int


class Results(Frozen):
    """A whole run; a peer that could not run is absent, and `left_out` says why.

    Attributes:
        memory: None until `python -m benchmarks memory` has run.
        quick: Whether times were short: good enough to spot a break, not to quote.
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
