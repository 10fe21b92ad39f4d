"""`python -m tests.bench.proxy_call`: one call of 15 minutes in real time, through a real nginx.

nginx runs `deploy/nginx.conf`; the caller is the rehearsal's simulated Twilio phone, over TLS and
signed. The caller says something every ten seconds and hears an answer. Fails when the call drops,
a heartbeat is missing or late, or a heartbeat is not answered."""

import argparse
import logging
import os
import sys
import tempfile
from pathlib import Path

import uvloop

from bridge.rehearsal.phone import Phone
from bridge.rehearsal.twilio_phone import open_phone
from tests.bridge.scripted_agent import talk
from tests.certificates import write_certificate
from tests.nginx import TOKEN, bridge_behind_nginx, fetch

TRUSTED = "SSL_CERT_FILE"
"""OpenSSL's own variable; it is read when a process begins."""
EVERY = 10.0
HEARTBEAT = 18.0
"""As it is without a setting."""
FARTHEST = 20.0
"""Seconds from one heartbeat to the next, at most."""


class Heartbeats(logging.Handler):
    """When the bridge has logged one, and the round trips that were measured, in milliseconds."""

    def __init__(self) -> None:
        super().__init__()
        self.at: list[float] = []
        self.rtts: list[float] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage() == "WS_KEEPALIVE":
            self.at.append(record.created)
            rtt = getattr(record, "facts", {}).get("rtt_ms")
            self.rtts += [] if rtt is None else [rtt]


async def call(folder: Path, seconds: float, program: str) -> bool:
    heartbeats = Heartbeats()
    logging.getLogger("bridge.twilio_media").addHandler(heartbeats)
    logging.getLogger("bridge.twilio_media").setLevel(logging.INFO)
    async with (
        bridge_behind_nginx(program, folder) as (at, _),
        open_phone(at + "/twilio/voice", auth_token=TOKEN) as phone,
    ):
        answers = await talk_for(phone, seconds)
        lived = phone.now
    return judged(phone, heartbeats, lived, answers)


async def talk_for(phone: Phone, seconds: float) -> int:
    """How often the agent answered."""
    answers = 0
    await phone.agent_speaks()
    for turn in range(1, int(seconds // EVERY)):
        await phone.until(turn * EVERY)
        said = phone.say(talk(1.5, turn))
        await phone.agent_speaks(EVERY, since=said + 1.5)
        answers += 1
    await phone.until(seconds)
    return answers


def judged(phone: Phone, heartbeats: Heartbeats, lived: float, answers: int) -> bool:
    gaps = [b - a for a, b in zip(heartbeats.at, heartbeats.at[1:], strict=False)]
    expected = int(lived // HEARTBEAT)
    print(f"the call lived {lived:.1f} s; {answers} answers; faults: {phone.faults or 'none'}")
    print(f"{len(heartbeats.at)} heartbeats, {len(heartbeats.rtts)} answered; {expected} expected")
    print(f"farthest apart {max(gaps, default=0):.2f} s; slowest {max(heartbeats.rtts):.1f} ms")
    on_time = max(gaps, default=0.0) <= FARTHEST and len(gaps) >= lived // FARTHEST - 2
    answered = len(heartbeats.rtts) == len(heartbeats.at)
    return on_time and answered and not phone.faults


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.proxy_call", description=__doc__)
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--inside", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.inside is None:
        return _with_trust()
    folder, program = args.inside
    ok = uvloop.run(call(Path(folder), 60 * args.minutes, program))
    print("ok" if ok else "FAILED")
    return 0 if ok else 1


def _with_trust() -> int:
    """The same once more, in a process that trusts the proxy's certificate."""
    with tempfile.TemporaryDirectory(prefix="kav-proxy-") as name:
        certificate, _ = write_certificate(Path(name))
        inside = ("-m", "tests.bench.proxy_call", *sys.argv[1:], "--inside", name, fetch())
        trusting = os.environ | {TRUSTED: str(certificate)}
        return os.spawnve(os.P_WAIT, sys.executable, (sys.executable, *inside), trusting)


if __name__ == "__main__":
    sys.exit(main())
