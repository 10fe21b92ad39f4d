"""Each check of `kav rehearse` passes an agent with good manners and fails one with bad ones. The
agents are scripted, time is virtual: what a check measures is known to the frame."""

import asyncio
from pathlib import Path

import pytest

from bridge.rehearsal.callers import Area, Cast
from bridge.rehearsal.results import Finding
from bridge.rehearsal.runner import rehearse
from bridge.rehearsal.stage import Plan, Stage
from bridge.rehearsal.told import Traces
from bridge.rehearsal.verdicts import Judged
from tests import virtual_time
from tests.bridge.scripted_agent import Manners, Talker, road_to

PLAN = Plan(
    interruptions=6,
    short_answers=4,
    monologues=1,
    conversations=1,
    minutes=0.7,
    names=2,
    sounds=2,
    echoes=5,
    cuts=6,
    acks=1,
    quiet=7.0,
    weak=1,
    noise=8.0,
)
AREAS = (Area("en", "Jaffa", ("Jaffa",)), Area("en", "Florentin", ("Florentin",)))


def rehearsed(check: str, manners: Manners, data: Path | None = None) -> list[Judged]:
    results: list[Judged] = []

    async def main() -> None:
        stage = Stage(
            road_to(manners, data),
            Cast(Talker(), ("en",)),
            PLAN,
            Traces(data or Path("nowhere")),
            log=None,
            tell=lambda text: None,
            areas=AREAS,
        )
        results.extend(await rehearse(stage, [check]))

    virtual_time.run(main())
    return results


def found(check: str, manners: Manners, data: Path | None = None) -> dict[str, Finding]:
    return {one.finding.check: one.finding for one in rehearsed(check, manners, data)}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "traces").mkdir()
    return tmp_path


def test_an_interruption_is_measured_from_the_first_voiced_sample_to_the_last_one_heard() -> None:
    finding = found("barge-in", Manners(hold=4))["barge-in"]
    assert finding.verdict == "passed"
    assert finding.measured.startswith("p50 80 ms, p95 80 ms")


@pytest.mark.parametrize(
    ("manners", "fault"),
    [
        (Manners(hold=8), "p50 160 ms"),
        (Manners(hold=0), "the agent talked on"),
        (Manners(shortest=1000), "no answer came"),
        (Manners(cut=1000), "went on with its sentence instead of listening"),
    ],
    ids=["slow", "deaf", "mute", "stubborn"],
)
def test_an_agent_that_cannot_be_interrupted_fails(manners: Manners, fault: str) -> None:
    finding = found("barge-in", manners)["barge-in"]
    assert finding.verdict == "failed"
    assert fault in finding.measured + finding.why


def test_calls_in_which_the_callers_stalled_are_left_out() -> None:
    results: list[Judged] = []

    async def main() -> None:
        stage = Stage(
            road_to(Manners()),
            Cast(Talker(), ("en",)),
            PLAN,
            Traces(Path("nowhere")),
            log=None,
            tell=lambda text: None,
            at_once=1,
        )
        async with asyncio.TaskGroup() as group:
            work = group.create_task(rehearse(stage, ["barge-in"]))
            await asyncio.sleep(8.0)  # virtual seconds, into the second call
            virtual_time.stall(0.05)
        results.extend(work.result())

    virtual_time.run(main())
    (found,) = results
    assert "of 5;" in found.finding.measured
    assert found.finding.why.startswith("1 of 6 calls are left out: the callers' timers stalled")


def test_a_short_answer_is_one_utterance_and_gets_one_answer(data: Path) -> None:
    finding = found("yes-no", Manners(), data)["yes-no"]
    assert (finding.verdict, finding.measured) == ("passed", "4 of 4")


@pytest.mark.parametrize(
    ("manners", "fault"),
    [
        (Manners(shortest=40), "got 0 answers"),
        (Manners(answers=2), "got 2 answers"),
        (Manners(threshold=2000), "got 0 answers"),
    ],
    ids=["misses them", "answers twice", "deaf"],
)
def test_a_short_answer_that_is_missed_or_answered_twice_fails(
    manners: Manners, fault: str
) -> None:
    finding = found("yes-no", manners)["yes-no"]
    assert finding.verdict == "failed"
    assert fault in finding.why


def test_a_word_that_becomes_two_utterances_fails(data: Path) -> None:
    finding = found("yes-no", Manners(longest=10, shortest=10), data)["yes-no"]
    assert finding.verdict == "failed"
    assert "2 words were 4 utterances" in finding.why


def test_a_monologue_is_cut_and_answered_and_nothing_of_it_is_lost(data: Path) -> None:
    finding = found("monologue", Manners(), data)["monologue"]
    assert (finding.verdict, finding.why) == ("passed", "")


@pytest.mark.parametrize(
    ("manners", "fault"),
    [
        (Manners(longest=400), "the first answer came after 7.7"),
        (Manners(longest=150), "it was cut after 3.0"),
        (Manners(forgets=20), "0.40 s of voice were given to no recognizer"),
        (Manners(refractory=35, answers=2), "s between two replies"),
    ],
    ids=["cut late", "cut early", "loses words", "ping-pong"],
)
def test_a_monologue_that_is_handled_badly_fails(manners: Manners, fault: str, data: Path) -> None:
    finding = found("monologue", manners, data)["monologue"]
    assert finding.verdict == "failed"
    assert fault in finding.why


def test_turn_latency_counts_from_the_last_voiced_sample() -> None:
    finding = found("turn-latency", Manners(end_silence=25, think=10))["turn-latency"]
    assert finding.verdict == "passed"
    assert finding.measured.startswith("p50 7")
    slow = found("turn-latency", Manners(end_silence=25, think=45))["turn-latency"]
    assert slow.verdict == "failed"


def test_a_long_call_lasts_and_gives_signs_of_life() -> None:
    them = found("long-call", Manners())
    assert (them["long-call"].verdict, them["heartbeat"].verdict) == ("passed", "passed")


def test_a_call_that_drops_and_one_without_heartbeat_fail() -> None:
    assert found("long-call", Manners(drops_at=20.0))["long-call"].verdict == "failed"
    assert found("long-call", Manners(heartbeat=30.0))["heartbeat"].verdict == "failed"
    assert found("long-call", Manners(heartbeat=0.0))["heartbeat"].verdict == "not done"


def test_names_are_caught_asked_again_or_taken_for_others(data: Path) -> None:
    caught = found("accuracy", Manners(says="Jaffa or Florentin?"), data)["accuracy"]
    assert caught.verdict == "passed"
    again = found("accuracy", Manners(says="Could you repeat that?"), data)["accuracy"]
    assert (again.verdict, "was not caught" in again.why) == ("failed", True)
    wrong = found("accuracy", Manners(says="In Jaffa!"), data)["accuracy"]
    assert (wrong.verdict, "Florentin was taken for Jaffa" in wrong.why) == ("failed", True)
    assert found("accuracy", Manners())["accuracy"].verdict == "not done"


def test_an_agent_that_goes_on_after_a_short_sound_passes() -> None:
    them = found("resume", Manners(cut=30))
    assert {finding.verdict for finding in them.values()} == {"passed"}
    assert "on again after p50 101 ms" in them["resume: noise of 100 ms"].measured


@pytest.mark.parametrize(
    ("manners", "fault"),
    [
        (Manners(cut=4), "it did not go on with its sentence"),
        (Manners(cut=30, resumes=False), "it did not go on with its sentence"),
        (Manners(cut=30, resume_after=25), "it went on 501 ms after the sound"),
        (Manners(cut=30, back=-0.3), "it left out"),
        (Manners(cut=30, back=9.0), "it went back"),
    ],
    ids=["takes it for words", "falls silent", "hesitates", "skips", "starts over"],
)
def test_an_agent_that_loses_its_sentence_to_a_sound_fails(manners: Manners, fault: str) -> None:
    finding = found("resume", manners)["resume: noise of 100 ms"]
    assert finding.verdict == "failed"
    assert fault in finding.why


def test_an_agent_that_knows_its_echo_passes_and_one_that_does_not_fails() -> None:
    good = found("echo", Manners(echo_proof=True))
    assert {finding.verdict for finding in good.values()} == {"passed"}
    bad = found("echo", Manners())
    assert {finding.verdict for finding in bad.values()} == {"failed"}
    assert "was not heard to its end" in bad["echo"].why
    assert "fell silent before anybody spoke" in bad["barge-in through echo"].why


def test_words_are_counted_at_the_ear(data: Path) -> None:
    good = found("words-heard", Manners(), data)["words-heard"]
    assert (good.verdict, good.measured[:6]) == ("passed", "6 of 6")
    bad = found("words-heard", Manners(miscounts=3), data)["words-heard"]
    assert bad.verdict == "failed"
    assert found("words-heard", Manners())["words-heard"].verdict == "not done"


@pytest.mark.parametrize(
    ("frames", "verdict"), [(0, "passed"), (1, "passed"), (5, "failed"), (-6, "failed")]
)
def test_listening_begins_with_the_end_of_a_reply(frames: int, verdict: str, data: Path) -> None:
    finding = found("back-to-listening", Manners(listens=frames), data)["back-to-listening"]
    assert finding.verdict == verdict


def test_a_quiet_line_has_no_ghosts_and_a_soft_voice_is_heard(data: Path) -> None:
    for folder in (data, None):
        good = found("quiet-line", Manners(), folder)
        assert {finding.verdict for finding in good.values()} == {"passed"}
    haunted = found("quiet-line", Manners(ghost_after=3.0))["quiet-line"]
    assert (haunted.verdict, haunted.measured[:1]) == ("failed", "1")
    sensitive = found("quiet-line", Manners(threshold=20), data)["quiet-line"]
    assert sensitive.verdict == "failed"
    assert found("quiet-line", Manners(threshold=600))["weak-speaker"].verdict == "failed"


def test_traffic_stops_nobody_and_what_is_said_in_it_is_answered() -> None:
    good = found("street-noise", Manners(threshold=1000))
    assert {finding.verdict for finding in good.values()} == {"passed"}
    fickle = found("street-noise", Manners(threshold=150))
    assert "interrupted the greeting" in fickle["street-noise, 10 dB below speech"].why
    deaf = found("street-noise", Manners(threshold=3000))
    assert {finding.verdict for finding in deaf.values()} == {"failed"}
