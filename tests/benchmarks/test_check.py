import pytest

from benchmarks.__main__ import report_missed
from benchmarks.check import judge
from benchmarks.results import MemoryGrowth, RightAnswers
from tests.benchmarks.sample import load, round_of, sample_faces, sample_results, sample_sizes, server


def missed(results):
    return [verdict.target.name for verdict in judge(results) if verdict.missed]


def with_server(name, run):
    one = round_of()
    return sample_results(rounds=[one.model_copy(update={"servers": {**one.servers, name: run}})])


def with_loop(name, per_second):
    one = round_of()
    slower = one.loops[name].model_copy(update={"per_second": per_second})
    return sample_results(rounds=[one.model_copy(update={"loops": {**one.loops, name: slower}})])


def wrong(count):
    return RightAnswers(precision="bf16", clients=64, requests=2048, wrong=count, box_px=0.4, probability=0.01)


def growth(kb_per_1000):
    return MemoryGrowth(requests=20_000, failed=0, steady_mb=900.0, kb_per_1000=kb_per_1000, samples=[])


def test_a_good_run_meets_every_target_and_measures_each():
    verdicts = judge(sample_results())

    assert [verdict.target.name for verdict in verdicts if verdict.missed or not verdict.ratios] == []


@pytest.mark.parametrize(
    ("results", "name"),
    [
        (with_loop("batches of 16", 43.0), "fastest loop"),
        (with_server("usual way", server(load(16, 13.0, 1200.0))), "usual way"),
        (with_server("usual way, threads", server(load(16, 13.0, 1200.0))), "usual way"),
        (with_loop("fer", 7.7), "fer"),
        (with_server("LitServe", server(load(16, 34.0, 470.0))), "LitServe"),
        (sample_results(rounds=[round_of(alone_ms=34.0)]), "One client"),
        (sample_results(faces=sample_faces(classify_128_ms=321.0)), "crowd of 128"),
        (sample_results(sizes=sample_sizes(whole_12_mp_ms=91.0)), "12 MP"),
        (sample_results(right_answers=[wrong(0), wrong(1)]), "wrong answers"),
        (sample_results(memory=growth(1000.0)), "memory"),
    ],
)
def test_each_missed_ratio_is_missed_alone(results, name):
    [only] = missed(results)

    assert name in only


def test_a_long_tail_is_missed():
    mien = round_of().servers["mien"]
    latency = mien.loads[2].latency_ms.model_copy(update={"p99_ms": 841.0})
    slow = mien.loads[2].model_copy(update={"latency_ms": latency})

    [only] = missed(with_server("mien", mien.model_copy(update={"loads": [*mien.loads[:2], slow]})))

    assert only == "p99 to p50 at 16 clients"


def test_the_median_of_the_rounds_counts():
    good_twice = sample_results(rounds=[round_of(), round_of(), round_of(mien_at_16=20.0)])
    bad_twice = sample_results(rounds=[round_of(), round_of(mien_at_16=20.0), round_of(mien_at_16=20.0)])

    assert missed(good_twice) == []
    assert any("fastest loop" in name for name in missed(bad_twice))


def test_what_was_left_out_is_neither_met_nor_missed():
    one = round_of()
    loops = {name: run for name, run in one.loops.items() if name != "fer"}
    servers = {name: run for name, run in one.servers.items() if name != "LitServe"}

    verdicts = judge(sample_results(rounds=[one.model_copy(update={"loops": loops, "servers": servers})], memory=None))

    unmeasured = [verdict.target.name for verdict in verdicts if not verdict.ratios]
    assert [name.split()[-1] for name in unmeasured] == ["loop", "pipeline", "it"]
    assert not any(verdict.missed for verdict in verdicts)


def test_the_missed_target_is_named(capsys):
    assert not report_missed(sample_results())
    assert report_missed(with_loop("fer", 8.0))

    assert capsys.readouterr().err == "missed: Throughput at 16 clients to fer in a loop: 4.75, not at least 5\n"
