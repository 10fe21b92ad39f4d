"""A rehearsal's report: one HTML file that needs nothing but the recordings beside it. Pure, but
for `write`.

Everything in a call is on one time axis: the two sides as waveforms, the agent's states, what was
measured, and what happened. How that looks is in `page.py`.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

import numpy as np
import numpy.typing as npt

from bridge.rehearsal.page import SCRIPT, STYLE
from bridge.rehearsal.results import Finding, Moment, Recording, Side, Span
from engine.core.audio import FRAME_SAMPLES, FRAME_SECONDS, RATE

HEIGHTS = 40
"""So many are told apart in a waveform."""
HEADS = ("Verdict", "Check", "Road", "Bar", "Measured", "Calls")
ORDER = ("failed", "not done", "passed")
SYMBOLS = {"failed": "✗", "not done": "–", "passed": "✓"}
STATES = ("thinking", "speaking", "held", "draining")
"""Those that have a color of their own."""
SIDES: tuple[Side, ...] = ("caller", "agent", "wire", "bridge")
CROWDED = 0.08
"""The share of a call's length that the text of a measurement may take."""


def write(path: Path, findings: Sequence[Finding], recordings: Sequence[Recording]) -> None:
    # A name from somewhere else may hold half a character, which no file can.
    path.write_text(html(findings, recordings), encoding="utf-8", errors="replace")


def html(
    findings: Sequence[Finding], recordings: Sequence[Recording], title: str = "Rehearsal"
) -> str:
    calls = "".join(
        _call(number, recording, findings) for number, recording in enumerate(recordings)
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>"
        f"<h1><bdi>{escape(title)}</bdi></h1>{_verdict(findings)}{_table(findings, recordings)}"
        f"{'<h2>Calls</h2>' if calls else ''}{calls}<script>{SCRIPT}</script></body></html>\n"
    )


def peaks(pcm: bytes) -> npt.NDArray[np.int32]:
    """The largest amplitude in each 20 ms, 0 to 32,768."""
    samples = np.abs(np.frombuffer(pcm, dtype="<i2").astype(np.int32))
    whole = -(-len(samples) // FRAME_SAMPLES) * FRAME_SAMPLES
    frames = np.pad(samples, (0, whole - len(samples))).reshape(-1, FRAME_SAMPLES)
    return np.asarray(frames.max(axis=1))


def _verdict(findings: Sequence[Finding]) -> str:
    count = Counter(finding.verdict for finding in findings)
    if count["failed"]:
        kind, says = "failed", f"{count['failed']} of {len(findings)} checks failed"
    elif count["passed"]:
        kind, says = "passed", f"{count['passed']} of {len(findings)} checks passed"
    else:
        kind, says = "not done", "Nothing was judged"
    says += f", {count['not done']} not done" if count["not done"] else ""
    return f'<p class="verdict {_class(kind)}">{SYMBOLS[kind]} {says}</p>'


def _table(findings: Sequence[Finding], recordings: Sequence[Recording]) -> str:
    numbers = {recording.name: number for number, recording in enumerate(recordings)}
    rows = sorted(findings, key=lambda finding: ORDER.index(finding.verdict))
    heads = "".join(f"<th>{head}</th>" for head in HEADS)
    return (
        f'<div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>'
        + "".join(_row(finding, numbers) for finding in rows)
        + "</tbody></table></div>"
    )


def _row(finding: Finding, numbers: dict[str, int]) -> str:
    links = ", ".join(
        f'<a href="#call-{numbers[name]}">{_text(name)}</a>' if name in numbers else _text(name)
        for name in finding.recordings
    )
    why = f'<p dir="auto">{escape(finding.why)}</p>' if finding.why else ""
    cells = (
        f"{SYMBOLS[finding.verdict]} {finding.verdict}",
        _text(finding.check) + why,
        *map(_text, (finding.road, finding.bar, finding.measured)),
        links,
    )
    inner = "".join(f"<td>{cell}</td>" for cell in cells)
    return f'<tr class="{_class(finding.verdict)}">{inner}</tr>'


def _call(number: int, recording: Recording, findings: Sequence[Finding]) -> str:
    seconds = max(len(recording.caller), len(recording.agent), 2 * FRAME_SAMPLES) / 2 / RATE
    shown = "; ".join(
        f"{_text(finding.check)} ({finding.verdict})"
        for finding in findings
        if recording.name in finding.recordings
    )
    return (
        f'<section class="call" id="call-{number}"><h3>{_text(recording.name)} '
        f'<span class="faint">{_text(recording.road)}, {seconds:.1f} s</span></h3>'
        + (f'<p class="faint">Shows: {shown}</p>' if shown else "")
        + _tools(recording)
        + _chart(recording, seconds)
        + _moments(recording.moments)
        + "</section>"
    )


def _tools(recording: Recording) -> str:
    sound = f'<audio controls preload="none" src="{quote(recording.file)}"></audio>'
    return (
        f'<div class="tools">{sound if recording.file else ""}'
        '<button type="button" data-zoom="2" aria-label="Zoom in">+</button>'
        '<button type="button" data-zoom="0.5" aria-label="Zoom out">−</button>'
        '<button type="button" data-zoom="0">Fit</button><output>0.00 s</output></div>'
    )


def _chart(recording: Recording, seconds: float) -> str:
    lanes = [
        ("", "axis", ""),
        ("caller", "wave caller", _wave(recording.caller, seconds, up=True)),
        ("agent", "wave agent", _wave(recording.agent, seconds, up=False)),
        *_span_lanes("state", [(span, span.what) for span in recording.states], seconds),
        *_span_lanes("latency", [(span, _measured(span)) for span in recording.latencies], seconds),
        *_tick_lanes(recording.moments, seconds),
    ]
    names = "".join(f'<div class="{kind}">{name}</div>' for name, kind, _ in lanes)
    drawn = "".join(
        f'<div class="lane {kind}" data-side="{name}">{inner}</div>' for name, kind, inner in lanes
    )
    return (
        f'<div class="chart"><div class="names" aria-hidden="true">{names}</div>'
        '<div class="scroll"><div class="lanes" role="slider" tabindex="0" '
        'aria-label="Position in the call: arrow keys; plus, minus and 0 zoom; space plays" '
        f'aria-valuemin="0" aria-valuemax="{seconds:.2f}" aria-valuenow="0" '
        f'data-seconds="{seconds:.3f}" style="--n:{seconds:.3f};--at:0">{drawn}'
        '<div class="cursor"></div></div></div></div>'
    )


def _wave(pcm: bytes, seconds: float, *, up: bool) -> str:
    """One unit to the right is 20 ms. Heights are square roots, or a soft voice would be a line."""
    heights = np.round(HEIGHTS * np.sqrt(peaks(pcm) / 32768)).astype(int)
    top = -HEIGHTS if up else 0
    return (
        f'<svg viewBox="0 {top} {seconds / FRAME_SECONDS:.2f} {HEIGHTS}" '
        f'preserveAspectRatio="none" aria-hidden="true">'
        f'<path d="{_outline(-heights if up else heights)}"/></svg>'
    )


def _outline(ys: npt.NDArray[np.int_]) -> str:
    """A path from zero over these points, one unit apart, and back to zero."""
    if not len(ys):
        return ""
    turns = np.flatnonzero(np.diff(ys))
    # Of a level stretch only the ends.
    xs = np.unique(np.concatenate([[0], turns, turns + 1, [len(ys) - 1]]))
    steps = zip(np.diff(xs), np.diff(ys[xs]), strict=True)
    line = " ".join(f"{right}{down}" if down < 0 else f"{right} {down}" for right, down in steps)
    return f"M0 0V{ys[0]}l{line}h1V0Z" if line else f"M0 0V{ys[0]}h1V0Z"


def _span_lanes(
    kind: str, spans: Sequence[tuple[Span, str]], seconds: float
) -> Iterator[tuple[str, str, str]]:
    """As many lanes as it takes for spans at the same time; each span has its text."""
    lanes: list[list[tuple[Span, str]]] = []
    free: list[float] = []
    for span, text in sorted(spans, key=lambda pair: pair[0].start):
        fits = (number for number, end in enumerate(free) if end <= span.start)
        number = next(fits, len(lanes))
        if number == len(lanes):
            lanes.append([])
            free.append(0.0)
        lanes[number].append((span, text))
        free[number] = max(span.end, span.start + (seconds * CROWDED if kind == "latency" else 0))
    for number, lane in enumerate(lanes):
        yield "" if number else kind, "spans", "".join(_span(kind, *it, seconds) for it in lane)


def _span(kind: str, span: Span, text: str, seconds: float) -> str:
    start, end = (min(max(0.0, at), seconds) for at in (span.start, span.end))
    look = " ".join([kind, *(name for name in STATES if span.what.lower().startswith(name))])
    return (
        f'<div class="{look}" style="--a:{start:.3f};--b:{max(start, end):.3f}" '
        f'data-from="{start:.3f}" data-to="{end:.3f}" title="{escape(text)}">{_text(text)}</div>'
    )


def _measured(span: Span) -> str:
    return f"{span.what} {1000 * (span.end - span.start):.0f} ms"


def _tick_lanes(moments: Sequence[Moment], seconds: float) -> Iterator[tuple[str, str, str]]:
    for side in SIDES:
        at = [moment.second for moment in moments if moment.side == side]
        if at:
            lines = "".join(f"M{100 * second:.0f} 3v1" for second in at)
            yield (
                side,
                f"ticks {side}",
                f'<svg viewBox="0 0 {100 * seconds:.0f} 4" preserveAspectRatio="none" '
                f'aria-hidden="true"><path d="{lines}"/></svg>',
            )


def _moments(moments: Sequence[Moment]) -> str:
    if not moments:
        return ""
    items = "".join(
        f'<li data-at="{moment.second:.3f}" data-side="{moment.side}" class="{moment.side}">'
        f"{moment.second:.2f} s, {moment.side}: {_text(moment.what)}</li>"
        for moment in sorted(moments, key=lambda moment: moment.second)
    )
    return (
        f"<details><summary>What happened ({len(moments)})</summary>"
        f'<ol class="moments">{items}</ol></details>'
    )


def _text(text: str) -> str:
    return f"<bdi>{escape(text)}</bdi>"


def _class(verdict: str) -> str:
    return verdict.replace(" ", "-")
