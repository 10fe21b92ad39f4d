"""A model that is left alone while it is ill: its turns are the rules' at once, and do not wait."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from engine.dialogue.understand import Understood
from engine.ports import Consultation, Model, OverQuota, ProviderFailed, failure
from engine.providers.breaker import Breaker

SLOW = 1.5
"""Seconds; a model whose turn waited longer than this, and went on without it, has failed."""


class GuardedModel:
    """Keeps the port `Model`. One object serves all calls."""

    def __init__(self, model: Model, breaker: Breaker, *, slow: float = SLOW) -> None:
        self._model = model
        self._breaker = breaker
        self._slow = slow

    async def consult(self, turn: Consultation) -> AsyncGenerator[Understood | str]:
        now = asyncio.get_running_loop().time
        if not self._breaker.allows(now()):
            raise ProviderFailed("The model: it is left alone for now")
        asked = now()
        try:
            async with aclosing(self._model.consult(turn)) as parts:
                async for part in parts:
                    self._breaker.worked()
                    yield part
                    asked = now()
        except asyncio.CancelledError:
            # The turn has limits of its own, which may be over a moment before the model's.
            if now() - asked >= self._slow:
                self._breaker.failed(now())
            raise
        except Exception as error:  # noqa: BLE001 - the wrapper of a provider job
            why = failure(error)
            self._breaker.failed(now(), quota=isinstance(why, OverQuota))
            raise why from None

    async def probe(self) -> None:
        await self._model.probe()

    async def warm(self) -> None:
        await self._model.warm()

    async def close(self) -> None:
        await self._model.close()
