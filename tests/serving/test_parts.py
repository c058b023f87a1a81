import math

import pytest

from app.serving.parts import COMPANY_S, Parts


def taken(parts, most, wanted, now_s):
    """How many items each client gets of a pass, by what its items cost."""
    parts.grant(most, wanted, now_s)
    counts = dict.fromkeys(wanted, 0)
    for client, cost in wanted.items():
        while parts.pays(client, cost):
            counts[client] += 1
    return counts


def test_a_client_alone_has_all_of_a_pass_and_owes_nothing():
    parts = Parts(part_s=0.1)
    parts.worked(cost=4, took_s=0.4)
    for now_s in (0.0, 0.3, 0.6):
        parts.came("one", now_s)
        parts.charge("one", 100)
        assert taken(parts, 16, {"one": 1}, now_s) == {"one": 16}


def test_a_client_is_not_alone_while_another_asked_of_late_or_waits():
    parts = Parts(part_s=0.1)
    parts.worked(cost=4, took_s=0.4)
    parts.came("another", 0.0)
    parts.came("one", COMPANY_S / 2)
    assert taken(parts, 16, {"one": 1}, 0.9 * COMPANY_S) == {"one": 1}
    assert taken(parts, 16, {"one": 1}, COMPANY_S) == {"one": 16}
    assert taken(parts, 16, {"one": 1, "another": 1}, 9 * COMPANY_S) == {"one": 1, "another": 1}
    parts.came("another", 10 * COMPANY_S)
    assert taken(parts, 16, {"another": 1}, 10 * COMPANY_S) == {"another": 16}


def test_each_is_granted_what_gets_done_in_a_short_time():
    parts, wanted = Parts(part_s=0.1), {"one": 1, "another": 1}
    assert taken(parts, 16, wanted, 0.0) == {"one": 8, "another": 8}  # nobody knows yet how long work takes
    parts.worked(cost=16, took_s=0.4)
    assert taken(parts, 16, wanted, 0.0) == {"one": 4, "another": 4}
    for _ in range(50):
        parts.worked(cost=4, took_s=0.5)
    assert taken(parts, 16, wanted, 0.0) == {"one": 1, "another": 1}
    parts.charge("away", 64)  # so that pass was not slow, but dear
    assert taken(parts, 16, wanted, 0.0)["one"] > 1


def test_a_pass_counts_by_what_it_cost():
    """One face alone takes a GPU as long as many; that says little of how fast it is."""
    parts = Parts(part_s=0.1)
    for _ in range(50):
        parts.worked(cost=64, took_s=0.064)
        parts.worked(cost=1, took_s=0.005)
    assert taken(parts, 1_000, {"one": 1, "another": 1}, 0.0)["one"] == pytest.approx(100, rel=0.2)


def test_without_a_bound_each_has_its_part_of_a_full_pass():
    parts = Parts(part_s=math.inf)
    parts.worked(cost=4, took_s=0.5)
    assert taken(parts, 16, {"one": 1, "another": 1}, 0.0) == {"one": 8, "another": 8}
