"""A model that is ill is left alone, in virtual time: which turns of all calls ask it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field

import pytest

from engine.dialogue.understand import Understood
from engine.dialogue.wish import Wish
from engine.ports import Consultation, Model, OverQuota, ProviderFailed
from engine.profile import shipped_profile
from engine.providers.breaker import Breaker
from engine.providers.guarded_model import GuardedModel
from tests import virtual_time

TURN = Consultation(shipped_profile("shai"), "en", Wish(), "area", (), "", "by the harbor")
ANSWER: list[Understood | str] = [Understood(choices=(("area", ("jaffa",)),)), "Which kind?"]


@dataclass
class Service:
    """A model that takes its time, and then breaks or answers."""

    takes: float = 0.1
    """Seconds before each part."""
    error: Exception | None = None
    asked: list[float] = field(default_factory=list)
    open: int = 0

    async def consult(self, turn: Consultation) -> AsyncGenerator[Understood | str]:
        self.asked.append(asyncio.get_running_loop().time())
        self.open += 1
        try:
            for part in ANSWER:
                await asyncio.sleep(self.takes)
                if self.error:
                    raise self.error
                yield part
        finally:
            self.open -= 1

    async def probe(self) -> None: ...

    async def warm(self) -> None: ...

    async def close(self) -> None: ...


async def told(model: Model, patience: float = 3.5) -> list[Understood | str] | str:
    """The answer, or why there is none."""
    try:
        async with asyncio.timeout(patience), aclosing(model.consult(TURN)) as parts:
            return [part async for part in parts]
    except TimeoutError:
        return "late"
    except ProviderFailed as why:
        return str(why)


LEFT_ALONE = "The model: it is left alone for now"


@pytest.mark.parametrize(
    ("service", "why"),
    [
        (Service(error=ProviderFailed("500")), "500"),
        (Service(error=ExceptionGroup("tasks", [KeyError("a defect")])), "KeyError"),
        (Service(takes=60.0), "late"),
    ],
)
def test_a_model_that_failed_five_times_is_asked_by_one_turn_in_ten_seconds(
    service: Service, why: str
) -> None:
    model = GuardedModel(service, Breaker())

    async def work() -> None:
        now = asyncio.get_running_loop().time
        assert [await told(model) for _ in range(5)] == [why] * 5
        failed = now()
        assert [await told(model) for _ in range(9)] == [LEFT_ALONE] * 9
        assert now() == failed, "nobody waited"
        await asyncio.sleep(10)
        assert [await told(model) for _ in range(2)] == [why, LEFT_ALONE]
        service.takes, service.error = 0.1, None
        await asyncio.sleep(10)
        assert [await told(model) for _ in range(2)] == [ANSWER, ANSWER]
        assert service.open == 0

    virtual_time.run(work())


def test_a_model_over_its_quota_is_asked_once_a_second_by_all_calls() -> None:
    service = Service(takes=0.0, error=OverQuota("429"))
    model = GuardedModel(service, Breaker())

    async def work() -> None:
        for _ in range(30):
            await told(model)
            await asyncio.sleep(0.1)

    virtual_time.run(work())
    assert len(service.asked) == 3


def test_callers_who_go_on_talking_or_hang_up_are_no_failure_of_the_model() -> None:
    service = Service(takes=1.4)
    model = GuardedModel(service, Breaker())

    async def work() -> None:
        for patience in (1.3, 2.7):
            assert [await told(model, patience) for _ in range(9)] == ["late"] * 9
        for _ in range(9):
            async with aclosing(model.consult(TURN)) as parts:
                await anext(parts)
                await asyncio.sleep(5)
        assert await told(model) == ANSWER

    virtual_time.run(work())
    assert service.open == 0
