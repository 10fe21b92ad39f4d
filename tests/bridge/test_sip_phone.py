"""The SIP phone where there is no SIP stack; its calls are in tests/e2e."""

import asyncio
import sys

import pytest

from bridge.rehearsal.phone import CallFailed
from bridge.rehearsal.sip_phone import open_phone


def test_without_the_sip_stack_a_call_fails_and_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "baresip", None)
    monkeypatch.delitem(sys.modules, "bridge.rehearsal.sip_stack", raising=False)

    async def call() -> None:
        async with open_phone("sip:100@127.0.0.1:9"):
            pass

    with pytest.raises(CallFailed, match="pip install --pre baresip-python"):
        asyncio.run(call())
