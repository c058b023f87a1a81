from dataclasses import replace

import pytest

from benchmarks.http_client import Answer
from benchmarks.storm import Storm, accepted_per_second, faults, kinds, recovery_s

GOOD = Storm(256, 64, {"200": 900, "503": 5000}, 2.0, 40.0, 38.0, 0.95, (900, 1200, 1210), 1.008, 30.0, 0.4)


def answer(began_s: float, took_s: float, status: int = 200, retry_after_s: float | None = None) -> Answer:
    return Answer(0, began_s, began_s + took_s, status, b"", retry_after_s)


def test_a_good_storm_has_no_faults():
    assert faults(GOOD) == []


@pytest.mark.parametrize(
    "change",
    [
        {"answers": {"200": 1, "500": 1}},
        {"answers": {"200": 1, "503 without Retry-After": 1}},
        {"accepted_share": 0.89},
        {"memory_growth": 1.3},
        {"recovery_s": 2.1},
    ],
)
def test_each_fault_is_named(change):
    [fault] = faults(replace(GOOD, **change))
    assert next(iter(change)).split("_")[0] in fault


def test_refusals_that_do_not_say_when_to_come_back_are_told_apart():
    answers = [answer(0, 1), answer(0, 1, 503, 1.0), answer(0, 1, 503), answer(0, 1, 503)]
    assert kinds(answers) == {"200": 1, "503": 1, "503 without Retry-After": 2}


def test_accepted_answers_count_after_the_warm_up():
    answers = [answer(100, 1), *(answer(104, 1) for _ in range(14)), answer(104, 1, 503), answer(109, 2)]
    assert accepted_per_second(answers, began_s=100, seconds=10) == 2.0


def test_it_is_calm_when_five_in_a_row_are_as_usual():
    slow = [answer(100 + place / 10, 0.09) for place in range(6)]
    usual = [answer(101 + place / 10, 0.03) for place in range(9)]
    hiccup = [answer(102, 0.2)]
    assert recovery_s([*slow, *usual, *hiccup, *usual], 100.0, 0.03) == pytest.approx(1.13)
    assert recovery_s([*usual, *hiccup, *usual], 100.0, 0.03) == 0.0
