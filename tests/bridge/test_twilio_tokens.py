"""What workers know together: any of them may be asked, and one of them gets the caller."""

import multiprocessing
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from bridge.twilio_media.tokens import SharedOutcomes, SharedTickets
from bridge.twilio_media.webhooks import HungUpByUs, Transferred

CALL = "CA" + 32 * "a"
WORKERS, ROUNDS = 4, 50


def test_another_worker_knows_the_promise_and_it_is_good_once(tmp_path: Path) -> None:
    token = SharedTickets(tmp_path).issue(CALL, "+972500000000", "+97230000000", 10.0)
    ticket = SharedTickets(tmp_path).redeem(CALL, token, 69.9)
    assert ticket is not None
    assert (ticket.caller, ticket.called) == ("+972500000000", "+97230000000")
    assert SharedTickets(tmp_path).redeem(CALL, token, 69.9) is None


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
    call: str, token: str | None, now: float, tmp_path: Path
) -> None:
    tickets = SharedTickets(tmp_path)
    right = tickets.issue(CALL, "", "", 10.0)
    assert tickets.redeem(call, right if token is None else token, now) is None
    assert tickets.redeem(CALL, right, 20.0) is not None


def test_a_call_that_we_placed_is_one_to_every_worker(tmp_path: Path) -> None:
    token = SharedTickets(tmp_path).issue(CALL, "", "", 10.0, outbound=True)
    ticket = SharedTickets(tmp_path).redeem(CALL, token, 20.0)
    assert ticket is not None
    assert ticket.outbound


def test_a_request_that_is_repeated_gets_the_same_token_from_any_worker(tmp_path: Path) -> None:
    first = SharedTickets(tmp_path).issue(CALL, "", "", 10.0)
    assert SharedTickets(tmp_path).issue(CALL, "", "", 20.0) == first
    assert SharedTickets(tmp_path).issue(CALL, "", "", 71.0) != first


def test_a_request_that_is_repeated_late_gets_the_token_that_is_used_up(tmp_path: Path) -> None:
    tickets = SharedTickets(tmp_path)
    token = tickets.issue(CALL, "", "", 10.0)
    assert tickets.redeem(CALL, token, 20.0) is not None
    assert SharedTickets(tmp_path).issue(CALL, "", "", 21.0) == token
    assert tickets.redeem(CALL, token, 22.0) is None


def test_a_caller_who_is_back_gets_a_new_token_that_says_so(tmp_path: Path) -> None:
    tickets = SharedTickets(tmp_path)
    first = tickets.issue(CALL, "", "", 10.0)
    again = SharedTickets(tmp_path).issue(CALL, "", "", 20.0, "dropped")
    assert SharedTickets(tmp_path).issue(CALL, "", "", 21.0, "unanswered") == again != first
    assert tickets.redeem(CALL, first, 22.0) is None
    ticket = tickets.redeem(CALL, again, 22.0)
    assert ticket is not None
    assert ticket.back == "dropped"


def test_what_nobody_comes_for_is_gone_after_its_minute(tmp_path: Path) -> None:
    SharedTickets(tmp_path).issue(CALL, "", "", 10.0)
    SharedOutcomes(tmp_path).note(CALL, HungUpByUs(), 10.0)
    SharedTickets(tmp_path).issue("CA" + 32 * "b", "", "", 80.0)
    SharedOutcomes(tmp_path).note("CA" + 32 * "b", HungUpByUs(), 80.0)
    assert len(list(tmp_path.iterdir())) == 2


def test_how_a_stream_ended_is_known_to_the_worker_that_is_asked(tmp_path: Path) -> None:
    SharedOutcomes(tmp_path).note(CALL, HungUpByUs(), 10.0)
    assert SharedOutcomes(tmp_path).of(CALL) == HungUpByUs()
    SharedOutcomes(tmp_path).note(CALL, Transferred("sales"), 11.0)
    assert SharedOutcomes(tmp_path).of(CALL) == Transferred("sales")
    assert SharedOutcomes(tmp_path).of("CA" + 32 * "b") is None
    SharedOutcomes(tmp_path).forget(CALL)
    assert SharedOutcomes(tmp_path).of(CALL) is None


def redeem(
    folder: Path, tokens: list[str], barrier: Barrier, won: "multiprocessing.Queue[int]"
) -> None:
    tickets = SharedTickets(folder)
    for number, token in enumerate(tokens):
        barrier.wait()
        if tickets.redeem(f"CA{number}", token, 20.0) is not None:
            won.put(number)


def test_of_workers_that_are_shown_a_token_at_once_one_takes_it(tmp_path: Path) -> None:
    tickets = SharedTickets(tmp_path)
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
