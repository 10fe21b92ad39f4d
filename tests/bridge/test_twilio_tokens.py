"""What was promised, and how streams ended: to a bridge alone, or to workers any of which may be
asked, and one of which gets the caller."""

import multiprocessing
from collections.abc import Callable
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from bridge.twilio_media.tokens import HungUpByUs, Outcomes, Tickets, Transferred

CALL = "CA" + 32 * "a"
WORKERS, ROUNDS = 4, 50

Asked = Callable[[], Tickets]
"""The tickets of whichever process is asked: one alone has its own, workers share a folder."""


@pytest.fixture(params=["alone", "workers"])
def asked(request: pytest.FixtureRequest, tmp_path: Path) -> Asked:
    own = Tickets()
    return (lambda: own) if request.param == "alone" else (lambda: Tickets(tmp_path))


def test_a_promise_is_known_to_whoever_is_asked_and_good_once(asked: Asked) -> None:
    token = asked().issue(CALL, "+972500000000", "+97230000000", 10.0)
    ticket = asked().redeem(CALL, token, 69.9)
    assert ticket is not None
    assert (ticket.caller, ticket.called, ticket.back) == ("+972500000000", "+97230000000", "")
    assert token not in repr(ticket)
    assert asked().redeem(CALL, token, 69.9) is None


@pytest.mark.parametrize(
    ("call", "token", "now"),
    [
        ("CA" + 32 * "b", None, 20.0),
        (CALL, "x", 20.0),
        (CALL, "", 20.0),
        (CALL, "\ud800é", 20.0),
        (CALL, None, 70.0),
        ("../../etc/passwd", None, 20.0),
        ("\ud800", None, 20.0),
    ],
)
def test_a_token_is_for_its_call_and_for_a_minute(
    call: str, token: str | None, now: float, asked: Asked
) -> None:
    right = asked().issue(CALL, "", "", 10.0)
    assert asked().redeem(call, right if token is None else token, now) is None
    assert asked().redeem(CALL, right, 20.0) is not None


def test_a_call_that_we_placed_is_one_to_whoever_is_asked(asked: Asked) -> None:
    token = asked().issue(CALL, "", "", 10.0, outbound=True)
    ticket = asked().redeem(CALL, token, 20.0)
    assert ticket is not None
    assert ticket.outbound


def test_a_request_that_is_repeated_gets_the_same_token(asked: Asked) -> None:
    first = asked().issue(CALL, "", "", 10.0)
    assert asked().issue(CALL, "", "", 20.0) == first
    assert asked().issue(CALL, "", "", 71.0) != first


def test_a_request_that_is_repeated_late_gets_the_token_that_is_used_up(asked: Asked) -> None:
    token = asked().issue(CALL, "", "", 10.0)
    assert asked().redeem(CALL, token, 20.0) is not None
    assert asked().issue(CALL, "", "", 21.0) == token
    assert asked().redeem(CALL, token, 22.0) is None


@pytest.mark.parametrize("used", [True, False])
def test_a_caller_who_is_back_gets_a_new_token_that_says_so(used: bool, asked: Asked) -> None:
    first = asked().issue(CALL, "", "", 10.0)
    if used:
        assert asked().redeem(CALL, first, 11.0) is not None
    again = asked().issue(CALL, "", "", 20.0, "dropped")
    assert asked().issue(CALL, "", "", 21.0, "dropped") == again != first
    assert asked().issue(CALL, "", "", 21.0) == again
    assert asked().redeem(CALL, first, 22.0) is None
    ticket = asked().redeem(CALL, again, 22.0)
    assert ticket is not None
    assert ticket.back == "dropped"
    assert asked().issue(CALL, "", "", 23.0, "unanswered") not in (first, again)


def test_what_nobody_comes_for_is_gone_after_its_minute(tmp_path: Path) -> None:
    Tickets(tmp_path).issue(CALL, "", "", 10.0)
    Outcomes(tmp_path).note(CALL, HungUpByUs(), 10.0)
    Tickets(tmp_path).issue("CA" + 32 * "b", "", "", 80.0)
    Outcomes(tmp_path).note("CA" + 32 * "b", HungUpByUs(), 80.0)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("alone", [True, False])
def test_how_a_stream_ended_is_known_until_the_next_begins(alone: bool, tmp_path: Path) -> None:
    own = Outcomes()

    def asked() -> Outcomes:
        return own if alone else Outcomes(tmp_path)

    asked().note(CALL, HungUpByUs(), 10.0)
    assert asked().of(CALL) == HungUpByUs()
    asked().note(CALL, Transferred("sales"), 11.0)
    assert asked().of(CALL) == Transferred("sales")
    assert asked().of("CA" + 32 * "b") is None
    for _ in range(2):
        asked().forget(CALL)
        assert asked().of(CALL) is None


def redeem(
    folder: Path, tokens: list[str], barrier: Barrier, won: "multiprocessing.Queue[int]"
) -> None:
    tickets = Tickets(folder)
    for number, token in enumerate(tokens):
        barrier.wait()
        if tickets.redeem(f"CA{number}", token, 20.0) is not None:
            won.put(number)


def test_of_workers_that_are_shown_a_token_at_once_one_takes_it(tmp_path: Path) -> None:
    tickets = Tickets(tmp_path)
    tokens = [tickets.issue(f"CA{number}", "", "", 10.0) for number in range(ROUNDS)]
    context = multiprocessing.get_context("fork")
    barrier, won = context.Barrier(WORKERS), context.Queue()
    workers = [
        context.Process(target=redeem, args=(tmp_path, tokens, barrier, won))
        for _ in range(WORKERS)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(won.get() for _ in range(ROUNDS)) == list(range(ROUNDS))
    assert won.empty()
