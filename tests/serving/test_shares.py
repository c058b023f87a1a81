"""The books alone: how much each client gets, whose turn it is, and that the sums stay right."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.serving.shares import SHARE, Shares, Turn, with_reserve


def take(shares, client, amount=1):
    """Take some at once, or leave the queue again; return whether there was some."""
    turn = Turn(client, amount)
    shares.line_up(turn)
    shares.withdraw(turn)
    return turn.granted


def fill(shares, client):
    """Take one by one until no more is given; return how many there were."""
    taken = 0
    while take(shares, client):
        taken += 1
    return taken


def lined_up(shares, client, amounts):
    turns = [Turn(client, amount) for amount in amounts]
    for turn in turns:
        shares.line_up(turn)
    return turns


def grants_in_order(shares, turns, give):
    """Let whoever holds give back, one grant at a time, and return whose turn came when."""
    order = []
    while waiting := [turn for turn in turns if not turn.granted]:
        give()
        came = [turn for turn in waiting if turn.granted]
        assert len(came) == 1
        order.append(came[0])
        give = lambda turn=came[0]: shares.give(turn.client, turn.amount)  # noqa: E731
    return order


@pytest.mark.parametrize("most", [1, 2, 4, 7, 8, 16, 60, 64, 512])
def test_a_client_alone_gets_all_that_was_promised_and_a_part_stays_for_the_next(most):
    shares = Shares(with_reserve(most))
    assert fill(shares, "first") == most
    assert take(shares, "second") == (most > SHARE)
    assert fill(Shares(with_reserve(most) - 1), "first") < most


def test_shares_shrink_as_others_come_and_grow_when_they_leave():
    shares = Shares(with_reserve(64))
    held = {"old": fill(shares, "old"), "new": fill(shares, "new")}
    assert held == {"old": 64, "new": 8}
    for _ in range(64):
        shares.give("old", 1)
        held["old"] -= 1
        for client in held:
            held[client] += fill(shares, client)
    assert abs(held["old"] - held["new"]) <= 2
    shares.give("new", held["new"])
    assert fill(shares, "old") + held["old"] == 64


@pytest.mark.parametrize("clients", [1, 3, 10])
def test_busy_clients_end_with_equal_parts(clients):
    shares, held = Shares(710), Counter()
    for _ in range(1000):
        for client in range(clients):
            held[client] += fill(shares, str(client))
        fullest = max(held, key=held.__getitem__)
        shares.give(str(fullest), 1)
        held[fullest] -= 1
    assert all(abs(each - 7 * 710 / (7 * clients + 1)) <= 8 for each in held.values())
    assert take(shares, "newcomer")


def test_turns_go_round_the_clients_and_not_by_arrival():
    shares = Shares(1, share=1)
    assert take(shares, "holder")
    many, few = lined_up(shares, "many", [1] * 5), lined_up(shares, "few", [1] * 2)
    order = grants_in_order(shares, many + few, lambda: shares.give("holder", 1))
    assert [turn.client for turn in order] == ["many", "few", "many", "few", "many", "many", "many"]
    assert [turn for turn in order if turn.client == "many"] == many


def test_who_took_more_waits_longer_for_the_next_turn():
    shares = Shares(100, share=100)
    assert take(shares, "holder", 100)
    large, small = lined_up(shares, "large", [100] * 2), lined_up(shares, "small", [51] * 3)
    order = grants_in_order(shares, large + small, lambda: shares.give("holder", 100))
    assert [turn.client for turn in order] == ["large", "small", "small", "large", "small"]


def test_a_cost_that_is_known_only_afterwards_counts_for_the_next_turns():
    shares = Shares(1, share=1)
    assert take(shares, "slow")
    slow, quick = lined_up(shares, "slow", [1] * 2), lined_up(shares, "quick", [1] * 4)
    order = grants_in_order(shares, slow + quick, lambda: shares.give("slow", 1, cost=2000.0))
    assert [turn.client for turn in order] == ["quick"] * 4 + ["slow"] * 2


def test_newcomers_without_end_do_not_keep_a_client_waiting_for_ever():
    """A newcomer has had nothing yet and comes before one that had much, but only until that is made up for."""
    shares, newcomers = Shares(1, share=1), []
    assert take(shares, "busy")
    [waiting] = lined_up(shares, "busy", [1])
    for number in range(2):
        newcomers += lined_up(shares, f"newcomer {number}", [1])
    holder, cost = Turn("busy", 1), 8.0
    for number in range(2, 60):
        shares.give(holder.client, 1, cost)
        cost = 0.0
        if waiting.granted:
            break
        [holder] = [turn for turn in newcomers if turn.granted]
        newcomers.remove(holder)
        newcomers += lined_up(shares, f"newcomer {number}", [1])
    assert waiting.granted
    assert 3 < number < 30


def test_a_large_one_is_let_through_when_its_turn_comes():
    """However little is free: the first that a client holds is within its share."""
    shares = Shares(80)
    assert take(shares, "small", 38)
    assert take(shares, "other", 38)
    [large] = lined_up(shares, "large", [70])
    shares.give("small", 2)
    assert not take(shares, "small", 1)
    assert not take(shares, "newcomer", 1)
    shares.give("small", 36)
    assert not large.granted
    shares.give("other", 38)
    assert large.granted
    assert take(shares, "newcomer", 1)


def test_who_waits_for_its_own_work_stops_nobody():
    shares = Shares(80)
    assert take(shares, "large", 40)
    [second] = lined_up(shares, "large", [50])
    assert take(shares, "small", 20)
    shares.give("large", 40)
    assert second.granted


def test_who_has_less_than_its_part_may_wait_although_the_queue_is_full():
    shares = Shares(38, queue=73)
    for _ in range(64):
        assert shares.may_wait("flood", 1)
        lined_up(shares, "flood", [1])
    assert not shares.may_wait("flood", 1)
    for _ in range(31):
        assert shares.may_wait("modest", 1)
        lined_up(shares, "modest", [1])
    assert not shares.may_wait("modest", 1)


CLIENTS = st.sampled_from("abcdef")
OPERATION = st.one_of(
    st.tuples(st.sampled_from(["take", "wait"]), CLIENTS, st.integers(0, 40)),
    st.tuples(st.sampled_from(["give", "withdraw"]), st.integers(0, 10**6), st.floats(0, 100)),
)


@settings(max_examples=30, deadline=None)
@given(st.integers(40, 80), st.lists(OPERATION, min_size=30, max_size=1000))
def test_the_books_stay_balanced(capacity, operations):
    shares, held, waiting = Shares(capacity), [], []
    for kind, who, what in operations:
        if kind == "take" and take(shares, who, what):
            held.append((who, what))
        elif kind == "wait":
            waiting += lined_up(shares, who, [what])
        elif kind == "give" and held:
            client, amount = held.pop(who % len(held))
            shares.give(client, amount, what)
        elif kind == "withdraw" and waiting:
            shares.withdraw(waiting.pop(who % len(waiting)))
        held += [(turn.client, turn.amount) for turn in waiting if turn.granted]
        waiting = [turn for turn in waiting if not turn.granted]
        assert shares.held == sum(amount for _, amount in held) <= capacity
        assert shares.wanted == sum(turn.amount for turn in waiting)
        assert {id(turn) for turn in shares.turns} == {id(turn) for turn in waiting}
        assert shares.clients == len({who for who, amount in held if amount} | {turn.client for turn in waiting})
        assert shares.held or not waiting  # else nobody would ever wake those who wait
    for client, amount in held:
        shares.give(client, amount)
    for turn in waiting:  # each is granted by now, or by those who leave before it, or not at all
        shares.leave(turn)
    assert (shares.held, shares.wanted, shares.clients) == (0, 0, 0)
