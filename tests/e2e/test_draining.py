"""`kav serve` is told to stop: as a process, by its signals, with a caller on the line."""

import signal
from pathlib import Path
from urllib.parse import urlencode

import pytest

from bridge.audiosocket.codec import HANG_UP
from bridge.rehearsal.twilio_phone import Caller, webhook_form
from engine.dialogue.hebrew import without_points
from tests.serving import FRAME, heard, serving, until_hung_up

pytestmark = pytest.mark.e2e
CALL = urlencode(webhook_form(Caller())).encode()


@pytest.mark.long
def test_a_live_call_goes_on_to_its_end_and_no_other_comes_in(tmp_path: Path) -> None:
    with serving(tmp_path) as it, it.call() as caller:
        assert len(heard(caller, FRAME)) == FRAME
        assert it.ask("/version")[0] == 200
        it.drains()
        assert it.ask("/version") == (503, '{"name": "kav", "status": "draining"}')
        assert it.ask("/live")[0] == 200
        assert '<Reject reason="busy" />' in it.ask("/twilio/voice", CALL)[1]
        with pytest.raises(ConnectionRefusedError):
            it.call()
        assert len(heard(caller, 10 * FRAME)) == 10 * FRAME
        caller.close()
        assert it.process.wait(timeout=30) == 0


@pytest.mark.long
def test_at_the_limit_a_caller_is_told_and_goes_on_in_the_dialplan(tmp_path: Path) -> None:
    with (
        serving(tmp_path, KAV_DRAIN_SEC="0.5", KAV_TRACE_TEXT="yes") as it,
        it.call() as caller,
    ):
        it.process.send_signal(signal.SIGTERM)
        assert until_hung_up(caller) == HANG_UP
        caller.close()
        assert it.process.wait(timeout=30) == 0
    (trace,) = (tmp_path / "traces").iterdir()
    _, closing = without_points(trace.read_text()).split("> closing\n")
    assert "סליחה, אני לא יכולה להמשיך כעת." in closing
    assert "note playout_ack turn=2" in closing, "he has heard all of it"
    assert "hang-up" not in closing, "nobody takes him off the line"


def test_told_twice_it_ends_in_order_at_once(tmp_path: Path) -> None:
    with serving(tmp_path) as it, it.call() as caller:
        it.drains()
        it.process.send_signal(signal.SIGTERM)
        assert until_hung_up(caller) == HANG_UP
        caller.close()
        assert it.process.wait(timeout=30) == 0
