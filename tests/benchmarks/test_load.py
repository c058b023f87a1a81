import pytest

from benchmarks.http_client import Answer
from benchmarks.load import rate


def answers_of(client, cycle_s, until_s):
    ends = [cycle_s * number for number in range(1, int(until_s / cycle_s) + 1)]
    return [Answer(client, end - 0.9 * cycle_s, end, 200, b"") for end in ends]


def in_order(*clients):
    return sorted((each for answers in clients for each in answers), key=lambda each: each.ended_s)


def test_the_rate_does_not_depend_on_where_the_window_cuts_the_batches():
    answers = in_order(*(answers_of(client, 0.5, 10) for client in range(16)))

    for begin, end in ((2.01, 6.49), (1.99, 6.51)):  # the second window has two batches more
        seen = [each for each in answers if begin <= each.ended_s < end]
        assert rate(answers, seen, 16) == pytest.approx(32.0)


def test_fast_and_slow_clients_are_counted_together():
    answers = in_order(answers_of(0, 0.1, 10), answers_of(1, 1.0, 10))

    assert rate(answers, [each for each in answers if 2.05 <= each.ended_s < 9.05], 2) == pytest.approx(11.0)
