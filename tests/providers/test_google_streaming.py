"""Google's streaming ears against a service on this machine that speaks Google's wire."""

import asyncio
from dataclasses import replace

from bridge.doubles.google_speech import Script, serve_google_speech
from bridge.doubles.latency import Latency
from engine.providers.google_ears import GoogleStreamingEars, Times, Wanted
from engine.providers.google_ledger import Patience
from tests.providers.google_caller import ACCOUNT, calling, words

AT_ONCE = Latency()
QUICK = Script(final_latency=AT_ONCE, interim_latency=AT_ONCE, request_latency=AT_ONCE)
SOON = Times(
    rotate=8.0, rotate_at_latest=12.0, kept=5.0, patience=Patience(final=0.5, repair=1000.0)
)


def test_a_call_over_many_streams_loses_no_word_and_doubles_none() -> None:
    async def run() -> None:
        async with serve_google_speech(replace(QUICK, longest=15.0)) as double:
            ears = GoogleStreamingEars(ACCOUNT, Wanted(), endpoint=double.address, times=SOON)
            async with calling(double, ears) as caller:
                for number in range(20):
                    await caller.say(number, words(range(number * 10, number * 10 + 10)))
            await ears.close()
        assert caller.heard() == [f"w{number}" for number in range(200)]
        assert double.seen.streams >= 4
        assert set(double.seen.ended) <= {"OK", "CANCELLED"}

    asyncio.run(run())
