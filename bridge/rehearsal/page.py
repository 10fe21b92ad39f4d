"""How a rehearsal's report looks and what it does when it is touched: its style sheet and its
script, as they stand in the page. What it says is `report.py`'s business.
"""

STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1b1f24; --faint: #5b6470;
  --rule: #d5dae0; --panel: #f5f7f9; --caller: #0b6e4f; --agent: #2456a6; --wire: #7a4f9a;
  --bridge: #8a5a00; --bad: #b3261e; --good: #1a7f37; --open: #7d5700; --cursor: #c2185b }
@media (prefers-color-scheme: dark) { :root { --paper: #14171b; --ink: #e4e7eb; --faint: #9aa4b0;
  --rule: #343b44; --panel: #1c2127; --caller: #4cc79a; --agent: #7fb0f5; --wire: #c79be6;
  --bridge: #e3b04b; --bad: #ff8a80; --good: #6fd08c; --open: #e3b04b; --cursor: #ff79a8 } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 1.5rem; max-width: 90rem; background: var(--paper);
  color: var(--ink); font: 15px/1.5 system-ui, "DejaVu Sans", sans-serif }
h1 { font-size: 1.5rem; margin: 0 }
h2 { font-size: 1.2rem; margin: 2rem 0 .5rem }
h3 { font-size: 1rem; margin: 0 }
p { margin: .2rem 0 }
a { color: inherit; text-underline-offset: .15em }
:focus-visible { outline: 2px solid var(--cursor); outline-offset: 1px }
.faint { color: var(--faint); font-weight: normal }
.verdict { font-size: 1.15rem; font-weight: 600 }
.failed { color: var(--bad) } .passed { color: var(--good) } .not-done { color: var(--open) }
.wide { overflow-x: auto }
table { border-collapse: collapse; width: 100% }
th, td { text-align: start; vertical-align: top; padding: .35rem .75rem .35rem 0;
  border-bottom: 1px solid var(--rule) }
th { color: var(--faint); font-weight: 600 }
td:first-child { white-space: nowrap; font-weight: 600 }
td p { color: var(--faint); max-width: 60ch }
td:not(:first-child) { color: var(--ink) }
td:nth-child(2) { min-width: 16rem }
.call { margin: 1rem 0 2rem; padding-top: .75rem; border-top: 1px solid var(--rule);
  content-visibility: auto; contain-intrinsic-size: auto 22rem }
.tools { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; margin: .5rem 0 }
.tools audio { height: 2.2rem; width: 22rem; max-width: 100% }
button { font: inherit; color: inherit; background: var(--panel); border: 1px solid var(--rule);
  border-radius: .3rem; min-width: 2.2rem; height: 2.2rem; padding: 0 .6rem; cursor: pointer }
output { flex-basis: 100%; font-variant-numeric: tabular-nums }
.chart { display: flex; border: 1px solid var(--rule); background: var(--panel) }
.names { flex: none; padding: 0 .5rem; color: var(--faint); font-size: 12px; text-align: end }
.names div { display: flex; align-items: center; justify-content: end }
.scroll { flex: 1; overflow-x: auto; overflow-y: hidden; min-width: 0 }
.lanes { position: relative; width: 100%; cursor: crosshair }
.lane { position: relative; overflow: hidden }
.axis { height: 20px } .wave { height: 48px } .spans { height: 20px } .ticks { height: 20px }
.lane + .lane, .names div + div { border-top: 1px solid var(--rule) }
.wave.agent { border-top-color: var(--faint) !important }
.lane svg { display: block; width: 100%; height: 100% }
.lane path { stroke: none; fill: currentColor }
.ticks path { stroke: currentColor; stroke-width: 1.5px; fill: none;
  vector-effect: non-scaling-stroke }
.caller { color: var(--caller) } .agent { color: var(--agent) }
.wire { color: var(--wire) } .bridge { color: var(--bridge) }
.axis span, .ticks span { position: absolute; top: 0; white-space: nowrap; font-size: 11px;
  line-height: 16px; padding-left: 3px; left: calc(100% * var(--a) / var(--n)) }
.axis span { border-left: 1px solid var(--rule); color: var(--faint) }
.ticks span { border-left: 1.5px solid }
.spans div { position: absolute; top: 2px; height: 16px; font-size: 11px; line-height: 16px;
  white-space: nowrap; left: calc(100% * var(--a) / var(--n));
  width: calc(100% * (var(--b) - var(--a)) / var(--n)) }
.state { overflow: hidden; text-indent: 3px; border-left: 1px solid var(--paper);
  background: color-mix(in srgb, var(--faint) 22%, transparent) }
.state.speaking, .state.draining { background: color-mix(in srgb, var(--agent) 30%, transparent) }
.state.thinking { background: color-mix(in srgb, var(--bridge) 30%, transparent) }
.state.held { background: color-mix(in srgb, var(--bad) 30%, transparent) }
.latency { border-bottom: 3px solid var(--bridge); min-width: 2px }
.cursor { position: absolute; top: 0; bottom: 0; width: 0; border-left: 1.5px solid var(--cursor);
  left: calc(100% * var(--at) / var(--n)); pointer-events: none }
details { margin: .4rem 0 }
ol.moments { margin: .4rem 0; padding: 0; list-style: none; font-size: 13px;
  max-height: 20rem; overflow: auto; font-variant-numeric: tabular-nums }
ol.moments li { height: 1.5em; cursor: pointer; content-visibility: auto }
ol.moments bdi { color: var(--ink) }
@media print {
  :root { --paper: #fff; --ink: #000; --faint: #444; --rule: #bbb; --panel: #fff;
    --caller: #0b6e4f; --agent: #2456a6; --wire: #7a4f9a; --bridge: #8a5a00; --bad: #b3261e;
    --good: #1a7f37; --open: #7d5700 }
  body { padding: 0; font-size: 11px; print-color-adjust: exact }
  .tools, .cursor, output, details { display: none }
  .lanes { width: 100% !important } .scroll { overflow: hidden }
  .call, tr { break-inside: avoid }
}
"""

SCRIPT = """
const STEPS = [.1, .2, .5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600];
const MOST_PX_PER_SECOND = 400, MOST_PX = 250000, LETTER_PX = 6.5;

function span(at, text) {
  const made = document.createElement('span');
  made.style.setProperty('--a', at);
  made.dir = 'auto';
  made.textContent = text;
  return made;
}

function clock(second, step) {
  const rest = (second % 60).toFixed(step < 1 ? 1 : 0);
  return second < 60 ? rest : Math.floor(second / 60) + ':' + rest.padStart(step < 1 ? 4 : 2, '0');
}

function alive(call) {
  const find = (what) => call.querySelector(what);
  const scroll = find('.scroll'), lanes = find('.lanes'), audio = find('audio');
  const output = find('output'), axis = find('.axis.lane');
  const seconds = +lanes.dataset.seconds;
  const moments = [...call.querySelectorAll('.moments li')].map((item) => ({
    at: +item.dataset.at, side: item.dataset.side, what: item.querySelector('bdi').textContent,
  }));
  const states = [...call.querySelectorAll('.state')].map((state) => ({
    from: +state.dataset.from, to: +state.dataset.to, what: state.textContent,
  }));
  let at = 0, width = 0;  /* 0: as wide as the page */

  function labels(lane, from, to, perSecond) {
    let free = -1e9;
    const made = [];
    for (const moment of moments) {
      if (moment.side !== lane.dataset.side || moment.at < from || moment.at > to) continue;
      const left = moment.at * perSecond;
      if (left < free) continue;
      free = left + moment.what.length * LETTER_PX + 8;
      made.push(span(moment.at, moment.what));
    }
    lane.querySelectorAll('span').forEach((old) => old.remove());
    lane.append(...made);
  }

  call.draw = () => {
    const perSecond = lanes.clientWidth / seconds;
    const screen = scroll.clientWidth / perSecond, left = scroll.scrollLeft / perSecond;
    const from = Math.max(0, left - screen), to = Math.min(seconds, left + 2 * screen);
    const step = STEPS.find((one) => one * perSecond >= 50) || 600;
    const ticks = [];
    for (let tick = Math.floor(from / step); tick * step <= to; tick++)
      ticks.push(span(tick * step, clock(tick * step, step)));
    axis.replaceChildren(...ticks);
    lanes.querySelectorAll('.ticks').forEach((lane) => labels(lane, from, to, perSecond));
  };

  function tell(second) {
    const near = 6 * seconds / lanes.clientWidth;
    const here = moments.filter((moment) => Math.abs(moment.at - second) <= near).slice(0, 3);
    const state = states.find((one) => one.from <= second && second < one.to);
    const told = [second.toFixed(2) + ' s'];
    if (state) told.push(state.what);
    here.forEach((one) => told.push('\\u2068' + one.what + '\\u2069 (' + one.side + ')'));
    output.textContent = told.join('  ·  ');
    return output.textContent;
  }

  function go(second) {
    at = Math.min(seconds, Math.max(0, second));
    lanes.style.setProperty('--at', at);
    lanes.setAttribute('aria-valuenow', at.toFixed(2));
    lanes.setAttribute('aria-valuetext', tell(at));
    const x = at / seconds * lanes.clientWidth;
    if (x < scroll.scrollLeft || x > scroll.scrollLeft + scroll.clientWidth)
      scroll.scrollLeft = x - scroll.clientWidth / 4;
  }

  function seek(second) {
    go(second);
    if (audio) audio.currentTime = at;
  }

  function zoom(factor, around) {
    const most = Math.min(MOST_PX, seconds * MOST_PX_PER_SECOND);
    const x = around / seconds * lanes.clientWidth - scroll.scrollLeft;
    width = factor && Math.min(most, lanes.clientWidth * factor);
    if (width <= scroll.clientWidth) width = 0;
    lanes.style.width = width ? width + 'px' : '100%';
    scroll.scrollLeft = around / seconds * lanes.clientWidth - x;
    call.draw();
  }

  const under = (event) => {
    const box = lanes.getBoundingClientRect();
    return (event.clientX - box.left) / box.width * seconds;
  };
  lanes.addEventListener('click', (event) => seek(under(event)));
  lanes.addEventListener('pointermove', (event) => tell(under(event)));
  lanes.addEventListener('pointerleave', () => tell(at));
  scroll.addEventListener('scroll', () => requestAnimationFrame(call.draw));
  scroll.addEventListener('wheel', (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    zoom(event.deltaY < 0 ? 1.5 : 1 / 1.5, under(event));
  }, { passive: false });
  const keys = {
    ArrowLeft: (big) => seek(at - (big ? 1 : .1)), ArrowRight: (big) => seek(at + (big ? 1 : .1)),
    Home: () => seek(0), End: () => seek(seconds), '+': () => zoom(2, at), '-': () => zoom(.5, at),
    '0': () => zoom(0, at), ' ': () => audio && (audio.paused ? audio.play() : audio.pause()),
  };
  lanes.addEventListener('keydown', (event) => {
    const act = keys[event.key];
    if (!act || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    act(event.shiftKey);
  });
  call.querySelectorAll('button').forEach((button) =>
    button.addEventListener('click', () => zoom(+button.dataset.zoom, at)));
  find('.moments')?.addEventListener('click', (event) => {
    const item = event.target.closest('li');
    if (item) seek(+item.dataset.at);
  });
  audio?.addEventListener('play', function follow() {
    go(audio.currentTime);
    if (!audio.paused) requestAnimationFrame(follow);
  });
  audio?.addEventListener('seeked', () => go(audio.currentTime));
}

const calls = [...document.querySelectorAll('.call')];
calls.forEach(alive);
const seen = new IntersectionObserver((entries) =>
  entries.filter((entry) => entry.isIntersecting).forEach((entry) => entry.target.draw()));
calls.forEach((call) => seen.observe(call));
const drawAll = () => calls.forEach((call) => call.draw());
addEventListener('resize', drawAll);
addEventListener('beforeprint', drawAll);
"""
