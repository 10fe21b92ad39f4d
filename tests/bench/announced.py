"""Has every caller heard who speaks before anything is asked of him? Thousands of random calls,
judged by what reached the caller's ear. `python -m tests.bench.announced` prints the share."""

import argparse
import sys
from dataclasses import replace
from random import Random

from engine.dialogue.hebrew import without_points
from tests.test_other_business import CALLS, SHAI, SPOKES, STAFFED, Call

WORDS = [
    *(line for call in CALLS.values() for line, _ in call),
    *("", "yes", "no", "two", "forty", "wait", "goodbye", "tomorrow", "Jaffa", "שבע", "כן", "לא"),
    *("office in Jaffa, 8,000, tomorrow", "דירה ביפו עד שבעת אלפים מחר", "רגע", "אפשר באנגלית?"),
]
AUTOMATED = ("automated", "אוטומטית", "האוטומטית")
RECORDED = ("record", "recorded", "מוקלטת", "מקלטת", "מקליטים")
MOST_TURNS = 12


def faults(seed: int) -> list[str]:
    """Questions of one call that came too early: what was heard of the reply, each."""
    random = Random(seed)
    profile = random.choice([SPOKES, SHAI, STAFFED, replace(SHAI, languages=("en", "he"))])
    recorded = random.random() < 0.5
    call = Call(profile, random.choice(["", "+12125550123"]), recorded, random.random() < 0.1)
    found, knows = [], False
    for _ in range(random.randint(1, MOST_TURNS)):
        reply = call.last
        heard, cut = _heard(random, reply)
        early = _asks(heard) and not knows and not _tells(_before_question(heard), recorded)
        found += [heard] if early else []
        knows = knows or _tells(heard, recorded)
        if reply.endswith(("⏹", "➡")):
            break
        words = random.choice(WORDS)
        call.interrupt(len(heard.split()), words) if cut else call.answer(words)
    return found


def _heard(random: Random, reply: str) -> tuple[str, bool]:
    """What the caller heard of it, and whether he talked over the rest."""
    if random.random() < 0.4:
        return reply, False
    words = reply.split()
    heard = random.randint(0, len(words))
    return " ".join(words[:heard]), True


def _before_question(heard: str) -> str:
    return heard[: heard.index("?")]


def _asks(heard: str) -> bool:
    """All of a question: who talks over it has not been asked."""
    return "?" in heard


def _tells(heard: str, recorded: bool) -> bool:
    words = without_points(heard).replace(".", " ").replace(",", " ").split()
    automated = any(word in words for word in AUTOMATED)
    return automated and (not recorded or any(word in words for word in RECORDED))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=10_000)
    calls = parser.parse_args().calls
    early = [heard for seed in range(calls) for heard in faults(seed)]
    for heard in early[:20]:
        print(f"asked too early: {heard}")
    print(f"{calls} calls, {len(early)} questions before the announcement was heard")
    return len(early) > 0


if __name__ == "__main__":
    sys.exit(main())
