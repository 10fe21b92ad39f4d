"""The caller's name in what was heard: after words that announce one («קוראים לי»), or where it may
be one because a name was asked for. No list of names is complete, so a list helps only where
anything else could follow just as well («אני …»)."""

import re

from engine.dialogue.hebrew import is_hebrew, without_points

_WORD = re.compile(r"[^\W\d_]+(?:['’׳\"״-][^\W\d_]+)*['׳]?")
_MOST_WORDS = 3


def _bare(word: str) -> str:
    return re.sub("[’‘'׳\"״]", "", word).lower()


def _table(text: str) -> tuple[tuple[str, ...], ...]:
    """Phrases between bars, longest first."""
    phrases = (tuple(phrase.split()) for phrase in _bare(text).split("|"))
    return tuple(sorted(phrases, key=len, reverse=True))


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Announces a name, whatever follows.
_INTRODUCTIONS = _table(
    "קוראים לי | לקרוא לי | השם שלי | השם שלי הוא | השם הוא | שמי | שמי הוא"
    " | my name is | my names | my name's | the name is | the name's | the names | name is"
    " | under the name | put me down as"
)
# Announces a name if a name follows.
_PERHAPS = _table(
    "אני | זה | זאת | כאן | תרשמי | תרשום | תכתבי | לרשום | השם | על שם | על השם | מדבר | מדברת"
    " | this is | i'm | im | i am | it's | its | it is | here is | that's | thats"
    " | call me | it's under | its under | put it under"
)
_GIVEN = _table("שם פרטי | השם הפרטי | השם הפרטי שלי | first name | given name | first name is")
_FAMILY = _table(
    "שם משפחה | שם המשפחה | השם משפחה | ושם משפחה | ושם המשפחה"
    " | last name | family name | surname | last name is | and last name"
)
_POLITE = _words("בבקשה תודה הוא היא please speaking thanks here is sir madam הי היי שלום")
_FILLERS = _words(
    "אה אהה אמ אממ אמם אמממ הממ כן בטח אז נו טוב אוקיי uh um er erm hmm well so ok okay yes yeah"
    " sure"
)
_PARTICLES = _words("בן בר בת אבו אל דה ון ben bar bat abu al el van von de da di la mc mac")
_REFUSED = _words("לא not no")

# Words that are not part of a name.
_OTHER_WORDS = _words(
    "אני אתה את אתם אנחנו הוא היא הם זה זאת מה מי למה איך איפה מתי כמה איזה לא כן רוצה רוצים"
    " צריך צריכה"
    " צריכים מחפש מחפשת מחפשים מעוניין מעוניינת יש אין של שלי שלך שלו שלה שלנו שלכם שלהם"
    " לי לך לו על עם בלי גם רק עוד"
    " כבר ואני והטלפון והמספר ומחפש ומחפשת טלפון מספר הטלפון המספר שם השם משפחה פרטי בשביל"
    " בשבילי כי אבל או אם"
    " תגידי תגיד להגיד לתת לדבר אפשר יכול יכולה קוראים מדבר מדברת דיברתי אמרתי רגע שנייה שניה תודה"
    " בבקשה שלום היי היום מחר דירה משרד חנות בית עכשיו שוב פה שם לכם לנו אותי אותך אותו כל הכל זהו"
    " רלוונטי רלוונטית איתך איתי איתו איתה איתכם עברית אנגלית יותר פחות מאוד כאילו"
    " באמת ממש בסדר טוב רע יודע יודעת בטוח בטוחה חשוב משנה צריכים חייב חייבת לגבי מתקשר מתקשרת"
    " סליחה טעות נציג בן-אדם אליי אלי אותה ראיתי שמעתי הייתי היה אחר אחרת לרשום תרשמי תרשום"
    " i im me my you your we he she they it its this that these those what who why how where"
    " when which"
    " is are was am be do does dont did didnt not no yes the a an of for to from in on at with"
    " without"
    " and or but if so because about any some have has had want need looking look searching calling"
    " call speaking speak talk talking say saying tell give rather prefer would could can cant will"
    " wont id ill ive please thanks thank sorry hello hi hey name number phone telephone first last"
    " middle there here just only also really very good fine okay ok right wrong interested sure"
    " maybe"
    " relevant problem question hebrew english more less too much many"
    " apartment office house shop flat rent buy today tomorrow matter mind know nothing nobody like"
)

# The most usual names of callers, each safe or not as a word of its own.
_NAMES = _words(
    "דוד דניאל דני משה יוסף יוסי אברהם אבי יעקב קובי יצחק איציק יהודה אריאל נועם איתי איתן אורי"
    " עומר"
    " עידו יונתן יוני אסף גיא רועי רוני רן עמית ניר טל תומר אלון אייל ליאור מיכאל אלכס ולדימיר"
    " סרגיי בוריס איגור דמיטרי מוחמד אחמד מחמוד עלי איברהים חסן יוסוף סמיר שמעון שלמה מאיר חיים"
    " אליהו אלי רפי רפאל"
    " גבריאל גבי נתן נתנאל בני בנימין שאול גלעד אוהד עופר עידן אביב שי שחר ארז אמיר דור עדי ירון"
    " רונן"
    " אהרון מרדכי מוטי צבי דב זאב אריה לירן מתן עמרי ערן יובל הראל אביחי אלעד"
    " שרה רבקה רחל לאה מרים אסתר רות חנה דבורה נעמי מיכל יעל תמר נועה שירה מאיה טליה עדי רונית"
    " אורית"
    " דנה ענת גלית סיגל איריס ורד אורנה ליאת לימור קרן הילה הדס שרון אילנה יפעת סמדר מורן רינת"
    " ליאורה"
    " אביגיל אלה אורלי ציפי זהבה שושנה פנינה ריקי נטע שני שירלי לילך מירב מיטל אפרת אירית דליה עינת"
    " רותי מיכאלה רינה מאירה יהודית ברכה ברוך דורית נורית נירית אסנת גליה הגר טובה יפה רחלי מיקי"
    " שוש חגי"
    " אנה אולגה נטליה מריה סבטלנה פאטמה אמירה ליילה נור דפנה מעיין הודיה אור גל ליאל"
    " david daniel dan danny michael mike john james robert bob william bill richard thomas tom"
    " mark"
    " paul peter george steven steve andrew kevin brian edward eric adam alex alexander ben"
    " benjamin"
    " jacob joseph joe sam samuel nathan noah ethan jack harry oliver charles chris christopher"
    " matthew matt anthony tony tim timothy josh joshua ryan jason aaron simon luke max leo henry"
    " jonathan jon moshe avi yossi yosef eli eitan itai omer ron guy roy gil amir ari uri"
    " mary anna anne ann sarah sara rachel rebecca leah hannah emily emma olivia sophie sophia"
    " laura"
    " lisa linda susan karen nancy jessica jennifer jenny kate katie catherine elizabeth liz julia"
    " julie maria helen alice jane amy michelle amanda melissa ruth naomi esther miriam yael tamar"
    " noa shira maya michal tal dana ella eva grace lucy beth diana victoria natalie claire martha"
)
_LETTERS = _words(
    "אלף=א בית=ב גימל=ג דלת=ד הא=ה הי=ה וו=ו ויו=ו זין=ז חית=ח טית=ט יוד=י כף=כ למד=ל מם=מ נון=נ"
    " סמך=ס עין=ע פא=פ פה=פ צדי=צ צדיק=צ קוף=ק ריש=ר שין=ש תו=ת תיו=ת"
)
_HEBREW_LETTERS = dict(pair.split("=") for pair in _LETTERS)
_FINAL = str.maketrans("כמנפצ", "ךםןףץ")


def introduced(words: str) -> str | None:
    """The name that these words announce."""
    spoken = _spoken(words)
    return _in_parts(spoken) or _after(spoken, _INTRODUCTIONS) or _known_after(spoken)


def answered(words: str) -> str | None:
    """The name that these words are, if a name was asked for."""
    spoken = _spoken(words)
    while spoken and (_bare(spoken[0]) in _FILLERS or (n := _length(spoken, 0, _PERHAPS))):
        spoken = spoken[1 if _bare(spoken[0]) in _FILLERS else n :]
    while spoken and _bare(spoken[-1]) in _FILLERS | _POLITE:
        spoken = spoken[:-1]
    return _contrasted(spoken) or _whole(spoken)


def _spoken(words: str) -> list[str]:
    return _WORD.findall(without_points(words))


def _length(spoken: list[str], start: int, phrases: tuple[tuple[str, ...], ...]) -> int:
    """Of the longest phrase that begins here; 0: none does."""
    bare = [_bare(word) for word in spoken[start : start + 4]]
    return next((len(phrase) for phrase in phrases if list(phrase) == bare[: len(phrase)]), 0)


def _find(spoken: list[str], phrases: tuple[tuple[str, ...], ...]) -> tuple[int, int] | None:
    """From where to where the first of them is."""
    lengths = ((start, _length(spoken, start, phrases)) for start in range(len(spoken)))
    return next(((start, start + length) for start, length in lengths if length), None)


def _in_parts(spoken: list[str]) -> str | None:
    """“First name Peter, last name Parker”, «תמר, שם משפחה אזולאי»."""
    family, given = _find(spoken, _FAMILY), _find(spoken, _GIVEN)
    if family is None and given is None:
        return None
    names = [_run(spoken, given[1]) if given else []]
    if given is None and family is not None:
        names = [_run(spoken[: family[0]], max(0, family[0] - 1))]
    names += [_run(spoken, family[1]) if family else []]
    return " ".join(word for name in names for word in name[:2]) or None


def _after(spoken: list[str], phrases: tuple[tuple[str, ...], ...]) -> str | None:
    found = _find(spoken, phrases)
    return " ".join(_run(spoken, found[1])) or None if found else None


def _known_after(spoken: list[str]) -> str | None:
    for start in range(len(spoken)):
        length = _length(spoken, start, _PERHAPS)
        run = _run(spoken, start + length) if length else []
        if run and _bare(run[0]) in _NAMES:
            return " ".join(run)
    return None


def _run(spoken: list[str], start: int) -> list[str]:
    """The words from here on that can be a name."""
    while start < len(spoken) and _bare(spoken[start]) in _FILLERS | {"הוא", "היא", "is", "its"}:
        start += 1
    run: list[str] = []
    for word in spoken[start : start + _MOST_WORDS]:
        if _bare(word) in _OTHER_WORDS or (len(run) == 2 and _bare(run[1]) not in _PARTICLES):
            break
        run.append(word)
    return _spelled(spoken[start:]) or _before_letters(run)


def _contrasted(spoken: list[str]) -> str | None:
    """“Ron, not Dan”; «לא דני, רני»."""
    bare = [_bare(word) for word in spoken]
    refused = next((at for at, word in enumerate(bare) if word in _REFUSED), None)
    if refused is None:
        return None
    if refused > 0:
        return _whole(spoken[:refused])
    rest = spoken[1:]
    if len(rest) == 2 and set(bare[1:]) <= _NAMES:
        return rest[1]
    return answered(" ".join(rest))


def _whole(spoken: list[str]) -> str | None:
    run = _spelled(spoken) or _before_letters(spoken)
    if run and _bare(run[0]) in _NAMES:
        run = _run(run, 0)
    plain = all(_bare(word) not in _OTHER_WORDS for word in run)
    return " ".join(run) if plain and 1 <= len(run) <= _MOST_WORDS else None


def _letter(word: str) -> str:
    if is_hebrew(word):
        return _HEBREW_LETTERS.get(word, "")
    return word if len(word) == 1 else ""


def _before_letters(run: list[str]) -> list[str]:
    """“Smith, S M I T H”: the word, without how it is spelled."""
    first = next((at for at, word in enumerate(run) if at and _letter(word)), len(run))
    return run[:first]


def _spelled(spoken: list[str]) -> list[str]:
    """A name of letters only: “S M I T H”."""
    letters = [_letter(word) for word in spoken]
    if len(letters) < 3 or not all(letters):
        return []
    name = "".join(letters)
    return [name[:-1] + name[-1].translate(_FINAL) if is_hebrew(name) else name.title()]
