"""Does the caller not want to be recorded? Told by the words, in Hebrew and English, as recognizers
write them: a no, and soon after it the recording. Pure; its table is in the tests."""

from engine.core.cues.words import Words, anywhere, phrases, words_of

_NO = words_of(
    "אל לא בלי שלא ולא תפסיקו תפסיק תפסיקי תעצרו תעצור תעצרי תכבו תכבה תכבי תמחקו תמחק תמחקי"
    " מתנגד מתנגדת don't not without never stop turn switch delete erase object"
)
_RECORDING = words_of(
    "להקליט תקליטו תקליט תקליטי שתקליטו שתקליט שתקליטי יקליטו שיקליטו שמקליטים תוקלט שתוקלט"
    " הקלטה ההקלטה הקלטות להקלטה בהקלטה"
    " record recorded recording recordings tape taped taping"
)
_WHOLE = phrases(
    "להיות מוקלט | להיות מוקלטת | להיות מוקלטים | להיות מוקלטות | no recording | no recordings"
)
"""«השיחה מוקלטת?» only asks, and “no, go ahead and record” agrees."""
_NO_OBJECTION = words_of(
    "אכפת מפריע משנה אפשר מותר בעיה יודע יודעת ידעתי בטוח בטוחה הבנתי שמעתי שומע שומעת"
    " mind care matter problem know knew sure understand hear heard can may fine ok okay"
)
"""«לא אכפת לי שתקליטו»; “I didn't know that you record”."""
_SOON = 6
"""Words: “I don't *want this call to be recorded*”."""


def refuses_recording(words: str) -> bool:
    said = words_of(words)
    after = (said[at + 1 : at + 1 + _SOON] for at, word in enumerate(said) if word in _NO)
    return anywhere(said, _WHOLE) or any(map(_objects, after))


def _objects(words: Words) -> bool:
    """What was said after a no."""
    met = (word for word in words if word in _RECORDING or word in _NO_OBJECTION)
    return next(met, "") in _RECORDING
