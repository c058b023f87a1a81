"""Parts of batches that cost unlike amounts."""

import pytest

from app.serving.credits import Credits


def test_each_gets_an_equal_part_of_a_batch():
    credits = Credits()
    credits.grant(10, {"a": 2, "b": 2})
    assert [credits.pays("a", 2) for _ in range(3)] == [True, True, False]
    assert credits.pays("b", 5)


def test_who_wants_more_than_its_part_saves_up():
    credits, paid = Credits(), []
    for _ in range(8):
        credits.grant(8, {"dear": 16, "cheap": 4})
        assert credits.pays("cheap", 4)
        paid.append(credits.pays("dear", 16))
    assert paid == [False, False, False, True] * 2


@pytest.mark.parametrize("costs", [(4, 16), (4, 2), (4, 32), (3, 5)])
@pytest.mark.parametrize("part", [1, 5, 6, 7])
def test_in_the_long_run_each_gets_as_much_whatever_its_items_cost(costs, part):
    credits, paid = Credits(), dict.fromkeys(costs, 0)
    for _ in range(1_000):
        credits.grant(2 * part, {str(cost): cost for cost in costs})
        for cost in costs:
            while credits.pays(str(cost), cost):
                paid[cost] += cost
    first, second = paid.values()
    assert first == pytest.approx(second, rel=0.03)


def test_nobody_waits_for_who_is_not_there():
    credits = Credits()
    credits.grant(8, {"dear": 100})
    assert credits.pays("dear", 100)
    credits.charge("dear", 1_000)
    credits.grant(8, {"dear": 100})
    assert credits.pays("dear", 100)


def test_no_more_is_saved_than_the_next_item_costs():
    credits = Credits()
    for _ in range(9):
        credits.grant(8, {"a": 4, "b": 4})
    assert credits.pays("a", 4)
    assert not credits.pays("a", 4)


def test_debts_are_paid_off_and_then_forgotten_while_their_client_is_away():
    credits = Credits()
    credits.charge("away", 12)
    credits.grant(8, {"other": 4})
    credits.grant(8, {"away": 4, "other": 4})
    assert not credits.pays("away", 4 + 1)
    for _ in range(3):
        credits.grant(8, {"other": 4})
    credits.grant(8, {"away": 4, "other": 4})
    assert credits.pays("away", 4)
