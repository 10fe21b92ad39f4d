"""What a recognizer makes of a caller who mumbles: nothing, something unsure, or other words."""

from random import Random

from engine.core.effects import Heard

SURE, UNSURE = 0.9, 0.25
_LIKE = ("אע", "טת", "כק", "חכ", "סש", "בו", "bp", "dt", "gk", "vf", "mn", "sz", "ie", "ao")
"""Letters that sound alike."""
_ALIKE = {pair[place]: pair[1 - place] for pair in _LIKE for place in (0, 1)}


def mumbled(words: str, random: Random) -> Heard:
    match random.choice(("nothing", "unsure", "dropped", "misspelt")):
        case "nothing":
            return Heard(words="", confidence=0.0)
        case "unsure":
            return Heard(words=misspelt(words, random), confidence=UNSURE)
        case "dropped":
            return Heard(words=without_a_word(words, random), confidence=SURE)
    return Heard(words=misspelt(words, random), confidence=SURE)


def without_a_word(words: str, random: Random) -> str:
    tokens = words.split()
    del tokens[random.randrange(len(tokens))]
    return " ".join(tokens)


def misspelt(words: str, random: Random) -> str:
    """One letter as another that sounds like it."""
    places = [place for place, letter in enumerate(words) if letter in _ALIKE]
    if not places:
        return words
    place = random.choice(places)
    return words[:place] + _ALIKE[words[place]] + words[place + 1 :]
