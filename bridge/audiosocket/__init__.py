"""An asyncio AudioSocket server for Asterisk, usable by itself."""

from bridge.audiosocket.server import serve

__all__ = ["serve"]
