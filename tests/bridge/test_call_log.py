"""What `kav phone` tells of the calls, from the manager's events."""

from bridge.lab import CallLog, Message


def event(name: str, state: str = "", *, of: str = "1", linked: str = "1", **more: str) -> Message:
    channel = "PJSIP/6001-00000001" if of == linked else "PJSIP/6002-00000002"
    return {
        "Event": name,
        "Channel": channel,
        "ChannelStateDesc": state,
        "CallerIDNum": "6001",
        "Exten": "100",
        "Uniqueid": of,
        "Linkedid": linked,
        **more,
    }


def test_a_call_is_told_from_its_beginning_to_its_end() -> None:
    log = CallLog()

    told = [
        log.line(event("Newchannel", "Down"), 1.0),
        log.line(event("Newstate", "Up"), 2.0),
        log.line(event("Hangup", "Up", **{"Cause-txt": "Normal Clearing"}), 5.5),
    ]

    ended = "6001 ended after 3.5 s (Normal Clearing)"
    assert told == ["6001 calls 100", "6001 is answered", ended]


def test_the_phone_that_rings_for_a_caller_is_told_by_its_own_name() -> None:
    log = CallLog()

    told = [
        log.line(event("Newchannel", "Down", of="2"), 1.0),
        log.line(event("Newstate", "Ringing", of="2"), 1.5),
        log.line(event("Newstate", "Up", of="2"), 2.0),
    ]

    assert told == ["6002 rings", None, "6002 answers"]


def test_a_caller_who_is_back_with_the_agent_is_told_and_why() -> None:
    back = event("UserEvent", UserEvent="BridgeCall", Back="dropped")
    first = event("UserEvent", UserEvent="BridgeCall", Back="")

    assert CallLog().line(back, 1.0) == "6001 is given to the agent again (dropped)"
    assert CallLog().line(first, 1.0) is None
