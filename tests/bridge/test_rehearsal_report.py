from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.rehearsal.report import html, peaks, write
from bridge.rehearsal.results import Finding, Moment, Recording, Span
from engine.core.audio import RATE

HOSTILE = "\"><script>alert('x')</script><img src=x onerror=y>&amp;</script>'`"
Verdict = Literal["passed", "failed", "not done"]
UNCLOSED = {"meta"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    text: str = ""


@dataclass
class Page(HTMLParser):
    """What a browser would find, and whether each element is closed where it should be."""

    source: str
    elements: list[Element] = field(default_factory=list)
    _open: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.feed(self.source)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(element)
        if tag not in UNCLOSED:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data

    def all(self, tag: str, look: str = "") -> list[Element]:
        return [
            element
            for element in self.elements
            if element.tag == tag
            and (not look or look in element.attributes.get("class", "").split())
        ]


FINDING = Finding("a check", "twilio", "p95 ≤ 200 ms", "180 ms", "passed")
SOUND = bytes(2 * 2 * RATE)
CALL = Recording("a call", "twilio", SOUND, SOUND)


@pytest.mark.parametrize(
    ("verdicts", "says"),
    [
        (["passed", "failed", "not done"], "1 of 3 checks failed, 1 not done"),
        (["passed", "not done"], "1 of 2 checks passed, 1 not done"),
        (["passed", "passed"], "2 of 2 checks passed"),
        (["not done"], "Nothing was judged, 1 not done"),
        ([], "Nothing was judged"),
    ],
)
def test_the_verdict_comes_first(verdicts: list[Verdict], says: str) -> None:
    page = Page(html([replace(FINDING, verdict=verdict) for verdict in verdicts], []))
    (verdict,) = page.all("p", "verdict")
    assert verdict.text[2:] == says


def test_what_failed_is_the_first_row_and_says_so_in_words() -> None:
    findings = [
        replace(FINDING, check="one"),
        replace(FINDING, check="two", verdict="not done"),
        replace(FINDING, check="three", verdict="failed", why="slow"),
    ]
    rows = Page(html(findings, [])).all("tr")[1:]
    assert [row.text[2:8] for row in rows] == ["failed", "not do", "passed"]
    assert "three" in rows[0].text
    assert "slow" in rows[0].text


def test_a_row_links_to_the_calls_that_show_it() -> None:
    shows = replace(FINDING, recordings=("second", "lost"))
    page = Page(html([shows], [replace(CALL, name="first"), replace(CALL, name="second")]))
    (link,) = page.all("a")
    (target,) = [
        element
        for element in page.elements
        if "#" + element.attributes.get("id", "") == link.attributes["href"]
    ]
    assert "second" in target.text
    assert "lost" in page.all("tr")[1].text


def test_everything_in_a_call_is_on_one_axis() -> None:
    call = replace(
        CALL,
        moments=(Moment(1.5, "wire", "clear"), Moment(0.25, "caller", "voice begins")),
        states=(Span(0.0, 1.0, "Speaking 1"), Span(1.0, 9.0, "Held")),
        latencies=(Span(0.5, 0.75, "halt"), Span(-1.0, 0.6, "answer")),
    )
    page = Page(html([], [call]))
    spans = [div.attributes for div in page.all("div", "state") + page.all("div", "latency")]
    assert [span["style"] for span in spans] == [
        "--a:0.000;--b:1.000",
        "--a:1.000;--b:2.000",
        "--a:0.000;--b:0.600",
        "--a:0.500;--b:0.750",
    ]
    assert [div.text for div in page.all("div", "latency")] == ["answer 1600 ms", "halt 250 ms"]
    assert [item.text for item in page.all("li")] == [
        "0.25 s, caller: voice begins",
        "1.50 s, wire: clear",
    ]
    drawn = [path.attributes["d"] for path in page.all("path")]
    assert drawn[2:] == ["M25 3v1", "M150 3v1"]


def test_measurements_at_the_same_time_are_below_one_another() -> None:
    spans = (Span(0.0, 1.0, "whole"), Span(0.5, 0.6, "part"), Span(1.0, 1.5, "next"))
    lanes = Page(html([], [replace(CALL, latencies=spans)])).all("div", "spans")
    texts = [lane.text for lane in lanes if "ms" in lane.text]
    assert texts == ["whole 1000 msnext 500 ms", "part 100 ms"]


def test_hebrew_stands_in_its_own_direction() -> None:
    name, why = "שיחה 1", "הסוכנת לא הפסיקה"
    call = replace(CALL, name=name, moments=(Moment(0.0, "bridge", "«רגע»"),))
    page = Page(html([replace(FINDING, why=why, recordings=(name,))], [call]))
    assert [bdi.text for bdi in page.all("bdi")].count(name) == 2
    assert "«רגע»" in [bdi.text for bdi in page.all("bdi")]
    assert [p.text for p in page.all("p") if p.attributes.get("dir") == "auto"] == [why]


def test_no_text_from_outside_becomes_part_of_the_page() -> None:
    span = (Span(0.0, 1.0, HOSTILE),)
    call = Recording(
        HOSTILE, HOSTILE, b"", b"", (Moment(0.0, "wire", HOSTILE),), span, span, HOSTILE
    )
    row = Finding(HOSTILE, HOSTILE, HOSTILE, HOSTILE, "failed", HOSTILE, (HOSTILE, HOSTILE + "2"))
    page = Page(html([row], [call], title=HOSTILE))
    plain = Page(html([replace(FINDING, recordings=("a", "b"), why="c")], [plain_copy(call)]))
    assert [element.tag for element in page.elements] == [one.tag for one in plain.elements]
    assert not [name for one in page.elements for name in one.attributes if name.startswith("on")]
    assert page.all("h1")[0].text == HOSTILE
    assert HOSTILE in page.all("li")[0].text
    assert unquote(page.all("audio")[0].attributes["src"]) == HOSTILE


def plain_copy(call: Recording) -> Recording:
    """The same call, harmless."""
    span = (Span(0.0, 1.0, "s"),)
    return Recording(
        "a", "r", call.caller, call.agent, (Moment(0.0, "wire", "m"),), span, span, "f"
    )


def test_a_file_is_a_name_beside_the_report_whatever_it_looks_like() -> None:
    page = Page(
        html([], [replace(CALL, file="javascript:alert(1)"), replace(CALL, file="a b#1?.wav")])
    )
    sources = [audio.attributes["src"] for audio in page.all("audio")]
    assert sources == ["javascript%3Aalert%281%29", "a%20b%231%3F.wav"]


def test_the_page_needs_nothing_from_anywhere() -> None:
    source = html([replace(FINDING, recordings=("a call",))], [replace(CALL, file="one.wav")])
    page = Page(source)
    assert not [word for word in ("http:", "https:", "//", "@import", "url(") if word in source]
    loads = [
        value
        for element in page.elements
        for name, value in element.attributes.items()
        if name in {"src", "href"}
    ]
    assert loads == ["#call-0", "one.wav"]


def test_a_peak_is_the_largest_amplitude_in_20_ms() -> None:
    frames = [np.zeros(160), np.full(160, 3.0), np.arange(160) - 200, np.full(10, -32768.0)]
    pcm = np.concatenate(frames).astype("<i2").tobytes()
    assert peaks(pcm).tolist() == [0, 3, 200, 32768]
    assert peaks(b"").tolist() == []


@settings(deadline=None)
@given(st.lists(st.sampled_from([0, 0, 0, 900, 8000, 32767]), min_size=1, max_size=40))
def test_a_waveform_passes_through_every_peak(amplitudes: list[int]) -> None:
    sound = np.repeat(np.array(amplitudes, "<i2"), 160).tobytes()
    page = Page(html([], [Recording("a", "b", sound, sound)]))
    above, below = (points(path.attributes["d"]) for path in page.all("path"))
    heights = [round(40 * (amplitude / 32768) ** 0.5) for amplitude in amplitudes]
    xs, ys = zip(*below, strict=True)
    assert np.interp(np.arange(len(heights)), xs, ys).tolist() == heights
    assert [(x, -y) for x, y in above] == below


def points(path: str) -> list[tuple[int, int]]:
    """The points of an outline between its beginning and its end."""
    first, _, steps = path.removeprefix("M0 0V").removesuffix("h1V0Z").partition("l")
    found = [(0, int(first))]
    numbers = [int(number) for number in steps.replace("-", " -").split()]
    for right, down in zip(numbers[::2], numbers[1::2], strict=True):
        found.append((found[-1][0] + right, found[-1][1] + down))
    return found


def test_sixty_calls_are_a_small_file() -> None:
    noise = np.random.default_rng(0).normal(0, 1, 60 * RATE)
    speech = (noise * 4000 * np.repeat(np.sin(np.arange(60 * 50) / 3), 160)).astype("<i2").tobytes()
    marks = tuple(Moment(at / 5, "wire", f"mark 3:{at * 1600} returned") for at in range(300))
    calls = [Recording(f"call {number}", "twilio", speech, speech, marks) for number in range(60)]
    assert len(html([], calls)) < 4_000_000


def test_a_call_without_sound_and_half_a_character_are_written_too(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write(path, [replace(FINDING, check="\ud800")], [Recording("\ud800", "sip", b"", b"")])
    Page(path.read_text())
