"""A phone that calls by TLS and encrypts its sound (SRTP): what it says and hears is not to be had
from the wire, and the account takes nothing less."""

import asyncio
import re
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from baresip import Account

from bridge.lab import Asterisk, free_port
from bridge.rehearsal.phone import CallFailed
from engine.core.audio import RATE, mulaw_to_pcm
from tests.certificates import write_certificate
from tests.pbx.desk_phone import converse
from tests.pbx.far_bridge import far_bridge

pytestmark = pytest.mark.pbx

HERTZ = 1000
TONE = (8000 * np.sin(2 * np.pi * HERTZ * np.arange(2 * RATE) / RATE)).astype("<i2").tobytes()
CLEARLY, HARDLY = 0.5, 0.05
"""Shares of a sound's power. Of noise 0.02 are as near the tone as we look."""
IPV4 = 0x0800
UDP = 17
RTP_HEADER = 12
SRTP_TAG = 10
"""Bytes of authentication behind the sound (AES_CM_128_HMAC_SHA1_80)."""
FRAME = 160


@dataclass(frozen=True, slots=True)
class Way:
    """How a phone calls."""

    user: str
    transport: Literal["udp", "tls"]
    encryption: tuple[str, ...] = ()


CLEAR = Way("6001", "udp")
ENCRYPTED = Way("6003", "tls", ("mediaenc=srtp-mand",))


@dataclass
class Wire:
    """The UDP packets of this machine's own network, everybody's."""

    packets: list[tuple[int, int, bytes]] = field(default_factory=list)

    def take(self, tap: socket.socket) -> None:
        packet = tap.recv(65536)
        start = 4 * (packet[0] & 0xF)
        if packet[9] == UDP:
            source, target = struct.unpack_from(">HH", packet, start)
            self.packets.append((source, target, packet[start + 8 :]))

    def sound(self, ports: set[int]) -> list[bytes]:
        """The payload of each packet of mu-law between these ports."""
        return [
            data[RTP_HEADER:]
            for source, target, data in self.packets
            if {source, target} == ports and data[0] == 0x80 and data[1] & 0x7F == 0
        ]


@contextmanager
def listening_in() -> Iterator[Wire]:
    try:
        tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(IPV4))
    except PermissionError:
        pytest.skip("no right to listen in on the network")
    wire = Wire()
    with tap:
        tap.bind(("lo", IPV4))
        tap.setblocking(False)
        loop = asyncio.get_running_loop()
        loop.add_reader(tap, wire.take, tap)
        try:
            yield wire
        finally:
            loop.remove_reader(tap)


def share_of_the_tone(pcm: bytes) -> float:
    sound = np.frombuffer(pcm, "<i2").astype(float)
    power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
    near = np.abs(np.fft.rfftfreq(len(sound), 1 / RATE) - HERTZ) < 40
    return float(power[near].sum() / power.sum())


async def call(asterisk_folder: Path, certificates: Path, way: Way) -> tuple[bytes, Wire]:
    """The phone says the tone, and an echo says it back: what the phone heard, and the wire."""
    certificate, key = write_certificate(certificates)
    tls_port = free_port(socket.SOCK_STREAM)
    settings = {"TLS_CERT": str(certificate), "TLS_KEY": str(key), "TLS_PORT": str(tls_port)}
    async with (
        far_bridge() as bridge,
        Asterisk(asterisk_folder, bridge_port=bridge.port, settings=settings) as asterisk,
    ):
        server = f"127.0.0.1:{tls_port if way.transport == 'tls' else asterisk.sip_port}"
        account = Account(
            way.user,
            server,
            asterisk.secret,
            reg_interval=0,
            transport=way.transport,
            audio_codecs=("pcmu",),
            extra_params=way.encryption,
        )
        trust = f"sip_cafile {certificate}\nsip_verify_server yes"
        uri = f"sip:100@{server};transport={way.transport}"
        with listening_in() as wire:
            return await converse(account, uri, TONE, config=trust), wire


def media(log: str) -> tuple[set[int], set[str]]:
    """Of all offers and answers: the ports, and the profiles."""
    lines = re.findall(r"^m=audio (\d+) (\S+)", log, re.MULTILINE)
    return {int(port) for port, _ in lines}, {profile for _, profile in lines}


def test_an_encrypted_call_is_heard_both_ways_and_not_on_the_wire(
    asterisk_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    heard, wire = asyncio.run(call(asterisk_folder, tmp_path, ENCRYPTED))
    ports, profiles = media(caplog.text)
    assert profiles == {"RTP/SAVP"}
    assert share_of_the_tone(heard) > CLEARLY
    sound = wire.sound(ports)
    assert {len(payload) for payload in sound} == {FRAME + SRTP_TAG}
    assert share_of_the_tone(b"".join(mulaw_to_pcm(each[:FRAME]) for each in sound)) < HARDLY


def test_a_call_in_clear_is_heard_on_the_wire(
    asterisk_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """So that the other test is known to listen where the sound is."""
    _, wire = asyncio.run(call(asterisk_folder, tmp_path, CLEAR))
    ports, profiles = media(caplog.text)
    assert profiles == {"RTP/AVP"}
    sound = wire.sound(ports)
    assert {len(payload) for payload in sound} == {FRAME}
    assert share_of_the_tone(b"".join(map(mulaw_to_pcm, sound))) > CLEARLY


@pytest.mark.parametrize(
    ("way", "answer"),
    [
        (Way("6003", "tls"), "488 Not Acceptable Here"),
        (Way("6003", "udp"), "488 Not Acceptable Here"),
        # The keys of the sound would have been read on the way.
        (Way("6003", "udp", ("mediaenc=srtp-mand",)), "403 Forbidden"),
    ],
)
def test_where_encryption_is_required_less_is_refused(
    asterisk_folder: Path, tmp_path: Path, way: Way, answer: str
) -> None:
    with pytest.raises(CallFailed, match=answer):
        asyncio.run(call(asterisk_folder, tmp_path, way))
