"""An asyncio AudioSocket server for Asterisk, usable by itself (`docs/audiosocket.md`)."""

from bridge.audiosocket.channel import Channel, answering
from bridge.audiosocket.pbx import Pbx, PbxFailed, UnknownCall
from bridge.audiosocket.server import Line, OpenCall, serve

__all__ = [
    "Channel",
    "Line",
    "OpenCall",
    "Pbx",
    "PbxFailed",
    "UnknownCall",
    "answering",
    "serve",
]
