"""A made-up run that meets every target."""

from benchmarks.results import (
    FacesCost,
    Load,
    LoopRun,
    Machine,
    MemoryGrowth,
    Networks,
    Results,
    RightAnswers,
    Round,
    ServerRun,
    SizeCost,
    Spread,
    Stages,
)


def spread_of(p50_ms):
    return Spread(p50_ms=p50_ms, p95_ms=1.2 * p50_ms, p99_ms=1.5 * p50_ms)


def load(clients, per_second, p50_ms):
    return Load(
        clients=clients,
        per_second=per_second,
        latency_ms=spread_of(p50_ms),
        failed=0,
        client_cores=0.02,
        server_cores=1.9,
    )


def server(*loads):
    return ServerRun(start_s=2.0, idle_mb=300.0, loaded_mb=500.0, loads=list(loads))


def round_of(mien_at_16=38.0, alone_ms=30.0):
    loops = {
        "one by one": LoopRun(per_second=35.0, faces=2, step_ms=spread_of(28.0)),
        "batches of 16": LoopRun(per_second=40.0, faces=2, step_ms=spread_of(400.0)),
        "decode overlapped": LoopRun(per_second=39.0, faces=2, step_ms=spread_of(410.0)),
        "fer": LoopRun(per_second=4.0, faces=2, step_ms=spread_of(250.0)),
    }
    mien = server(load(1, 33.0, alone_ms), load(4, 36.0, 110.0), load(16, mien_at_16, 420.0), load(64, 37.0, 1700.0))
    return Round(
        loops=loops,
        servers={
            "mien": mien,
            "mien, int8": server(load(1, 45.0, 22.0), load(16, 55.0, 290.0)),
            "usual way": server(load(1, 9.0, 110.0), load(16, 9.0, 1800.0)),
            "usual way, threads": server(load(16, 11.0, 1500.0)),
            "LitServe": server(load(1, 25.0, 40.0), load(16, 30.0, 530.0)),
        },
    )


def sample_faces(classify_128_ms=150.0):
    return [
        FacesCost(faces=0, detect_ms=25.0, classify_ms=0.1, whole_ms=30.0),
        FacesCost(faces=1, detect_ms=25.0, classify_ms=5.0, whole_ms=35.0),
        FacesCost(faces=128, detect_ms=27.0, classify_ms=classify_128_ms, whole_ms=180.0),
    ]


def sample_sizes(whole_12_mp_ms=80.0):
    return [
        SizeCost(name="720p", width=1280, height=720, kilobytes=214.0, decode_ms=6.0, whole_ms=30.0),
        SizeCost(name="12 MP", width=4000, height=3000, kilobytes=2400.0, decode_ms=50.0, whole_ms=whole_12_mp_ms),
    ]


def sample_results(**changed):
    whole = {
        "quick": False,
        "machine": Machine(
            date="2026-01-02", processor="Some CPU", cores=2, memory_gb=8.0, system="Linux", busy_before=0.1,
            versions={"python": "3.11.7"}, installed_mb=700.0, commit="abc1234",
        ),
        "networks": Networks(runtime="OpenVINO 1.2, all in bf16, cpu", precision="auto", threads=2),
        "rounds": [round_of(), round_of(mien_at_16=37.0), round_of(mien_at_16=39.0)],
        "stages": Stages(shares={"decode": 0.2, "detector": 0.7, "rest": 0.1}, gpu_mb=None),
        "faces": sample_faces(),
        "sizes": sample_sizes(),
        "right_answers": [
            RightAnswers(precision="bf16", clients=64, requests=2048, wrong=0, box_px=0.4, probability=0.01)
        ],
        "memory": MemoryGrowth(
            requests=20_000, failed=0, steady_mb=900.0, kb_per_1000=12.0, samples=[(100, 890.0), (20_000, 901.0)]
        ),
        "left_out": [],
        "seconds": 600.0,
    }  # fmt: skip
    return Results(**{**whole, **changed})
