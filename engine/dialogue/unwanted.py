"""Does somebody whom we have called want to be left alone: now, or for good? Told by the words, in
Hebrew and English, as recognizers write them. Pure; its tables are in the tests."""

from engine.core.cues.words import Words, anywhere, at_start, phrases, words_of

_CALL = ("תתקשרו", "תתקשר", "תתקשרי", "תצלצלו", "תחייגו")
_TAKE = ("תורידו", "תוריד", "תורידי", "תסירו", "תסיר", "תסירי", "תמחקו", "תמחק", "תמחקי", "הסירו")
_FOR_GOOD = phrases(
    " | ".join(f"אל {call} {whom}" for call in _CALL for whom in ("אליי", "אלי", "יותר", "שוב"))
    + " | "
    + " | ".join(f"{take} {what}" for take in _TAKE for what in ("אותי", "את המספר", "את הטלפון"))
    + " | לא להתקשר אליי | לא להתקשר אלי | לא להתקשר יותר | לא רוצה שתתקשרו"
    " | תפסיקו להתקשר | תפסיק להתקשר | תפסיקי להתקשר | די להתקשר | אל תטרידו"
    " | dont call me | do not call me | dont call again | do not call again | dont call here"
    " | do not call here | dont call this number | do not call this number | dont ever call"
    " | never call me | never call again | dont contact me | do not contact me | stop calling"
    " | quit calling | take me off your | take me off the list | take me off this"
    " | take my number off | remove me | remove my number | delete my number | unsubscribe"
    " | off your list"
)
_ONLY_NOW = phrases(
    "עכשיו | כרגע | היום | מחר | בשעה | בשעות | בערב | בלילה | בשבת | לפני | אחרי | אם"
    " | now | today | tonight | tomorrow | at | on | before | after | during | if | right now"
)
"""What follows then says when not to call: not that nobody shall ever."""
_NOT_NOW = phrases(
    "לא עכשיו | לא כרגע | לא זמן טוב | לא הזמן | זמן לא טוב | לא נוח | אני עסוק | אני עסוקה"
    " | אני בפגישה | אני בישיבה | אני נוהג | אני נוהגת | אני בנהיגה | אני באמצע | אחר כך"
    " | מאוחר יותר | תתקשרו מחר | תחזרו אליי | תחזרו אלי | בזמן אחר"
    " | not now | not a good time | bad time | im busy | i am busy | in a meeting | im driving"
    " | i am driving | call me later | call later | call me back | call back later | another time"
)


def never_again(words: str) -> bool:
    said = words_of(words)
    return any(_is_for_good(said, start) for start in range(len(said)))


def not_now(words: str) -> bool:
    said = words_of(words)
    return anywhere(said, _NOT_NOW) or anywhere(said, _FOR_GOOD)


def _is_for_good(words: Words, start: int) -> bool:
    length = at_start(words, _FOR_GOOD, start)
    return length > 0 and not at_start(words, _ONLY_NOW, start + length)
