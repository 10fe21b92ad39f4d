"""The words that callers use, Hebrew and English, as tables: no logic here.

Hebrew without points; phrases are tuples of words as `understand` cuts them (no apostrophes)."""

from engine.dialogue.profile import Language
from engine.dialogue.wish import Part

Phrases = dict[str, tuple[tuple[str, ...], ...]]
"""By their first word."""


def _phrases(text: str) -> Phrases:
    """One phrase between bars; longest first, so that none hides a longer one."""
    phrases = sorted((tuple(phrase.split()) for phrase in text.split("|")), key=len, reverse=True)
    return {first: tuple(p for p in phrases if p[0] == first) for first, *_ in phrases}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LANGUAGE_NAMES: dict[str, Language] = {
    "hebrew": "he",
    "עברית": "he",
    "בעברית": "he",
    "english": "en",
    "אנגלית": "en",
    "באנגלית": "en",
}

NO_MATTER = _phrases(
    "לא משנה | לא משנה לי | לא אכפת לי | אין לי העדפה | כל אזור | בכל אזור | כל סכום | אין הגבלה"
    " | doesnt matter | it doesnt matter | does not matter | no preference | dont care"
    " | i dont care | any area | anywhere | no limit | dont mind | i dont mind | whatever"
    " | any budget"
    " | לא חשוב | לא חשוב לי | זה לא חשוב | לא כל כך חשוב | לא ממש משנה | זה לא משנה | מה זה משנה"
    " | אין העדפה | אין לי הגבלה | אין לי מגבלה | אין מגבלה | לא מוגבל | בלי הגבלה | ללא הגבלה"
    " | כל מקום | בכל מקום | כל האזורים | איפה שיש | מה שיש | מה שיש לכם | מה שתציעו | מה שבא"
    " | גמיש | גמישה | גמישים | אני גמיש | אני גמישה | התקציב גמיש | הכול טוב לי | הכל טוב לי"
    " | כסף לא בעיה | כסף זה לא בעיה | לא אכפת | לא אכפת לנו | לא משנה לנו | כל סוג"
    " | flexible | im flexible | were flexible | any kind | any type | any of them"
    " | any place | doesnt really matter | dont really care | i dont really care"
    " | i dont really mind | not important | its not important | money is no object"
    " | money isnt an issue | money is not an issue | no budget limit | im easy | up to you"
    " | anywhere is fine | whatever you have | no particular"
    " | anything is fine | anything works | anything goes | open to anything | anything at all"
    " | כל דבר טוב | כל דבר מתאים | הכול מתאים"
)
ANY_TIME = _phrases(
    "מתי שנוח | מתי שנוח לכם | בכל זמן | כל זמן | מתי שאפשר | כמה שיותר מהר | בהקדם | כל יום"
    " | anytime | any time | any day | whenever | as soon as possible | asap"
    " | כל שעה | בכל שעה | כל שעה מתאימה | כל יום מתאים | בכל יום | מתי שבא לכם | מתי שיש"
    " | מתי שמתאים לכם | הכי מוקדם | הכי מהר | הכי קרוב | כמה שיותר מוקדם"
    " | whenever works | whenever you can | earliest | the earliest | first available | soonest"
)
GOODBYE = _phrases(
    "להתראות | ביי | ביי ביי | יום טוב | שלום ולהתראות | זה הכל | זה הכול | לא מעוניין"
    " | לא מעוניינת | אני לא מעוניין | אני לא מעוניינת | טעות במספר | אני מנתק | אני מנתקת"
    " | bye | bye bye | goodbye | good bye | see you | have a nice day | have a good day"
    " | not interested | im not interested | wrong number | thats all | i have to go"
    " | ויום טוב | וביי | ולהתראות | תודה וביי | ביי תודה | יאללה ביי | שיהיה יום טוב"
    " | שיהיה ערב טוב | טעיתי במספר | אני צריך לסיים"
    " | אני צריכה לסיים | אתקשר אחר כך | אני אתקשר אחר כך | אתקשר מאוחר יותר"
    " | ill call back | ill call later | ill call back later | i have to run | gotta go"
    " | talk later"
    " | i need to go | got to go | have a good one | that is all"
)
WAIT = _phrases(
    "רגע | רק רגע | רגע אחד | שנייה | שניה | רק שנייה | רק שניה | שנייה אחת | שניה אחת | דקה"
    " | רק דקה | דקה אחת | חכי | חכה | תחכי | תחכה | חכו | המתיני | עצרי | תעצרי"
    " | wait | wait a minute | wait a second | wait a moment | hold on | hang on | one moment"
    " | just a moment | one second | just a second | a second please | one minute"
    " | just a minute | a moment | one sec | just a sec | stop"
    " | תני לי רגע | תני לי שנייה | תן לי רגע | תני לי לבדוק | תני לי לחשוב | חכי רגע | חכה רגע"
    " | אני בודק | אני בודקת | let me check | let me think | let me see | give me a second"
    " | give me a minute | bear with me | just a minute please"
)
REPEAT = _phrases(
    "שוב | תחזרי | תחזור | אפשר לחזור | תגידי שוב | עוד פעם | מה אמרת | לא שמעתי | לא הבנתי"
    " | תחזרי בבקשה | אפשר לחזור על זה | מה זה"
    " | repeat | repeat that | say that again | again | come again | what did you say | pardon"
    " | didnt hear | i didnt hear you | didnt catch | i didnt catch that | didnt understand"
    " | say again | once more | excuse me"
    " | תחזרי על זה | תחזרי שוב | תחזרי על השאלה | אפשר לשמוע שוב | אפשר שוב | אפשר להגיד שוב"
    " | לא שמעתי אותך | לא שמעתי טוב | לא הבנתי אותך | לא הבנתי את השאלה | מה שאלת | מה אמרת"
    " | מה השאלה | מה היו האפשרויות | מה האפשרויות שאמרת | מה היו השעות | מה הייתה השאלה"
    " | לא שומע | לא שומעת | לא שומע אותך | לא שומעת אותך"
    " | what was that | what was the question | what were the options | what were they"
    " | cant hear you | i cant hear you | i didnt get that | didnt get that | one more time"
    " | can you repeat | could you repeat | could you repeat that | what are the options again"
)
# Neither yes nor no, though it sounds like it.
UNSURE = _phrases(
    "לא יודע | לא יודעת | אני לא יודע | אני לא יודעת | לא בטוח | לא בטוחה | אני לא בטוח"
    " | אני לא בטוחה | לא החלטתי | עוד לא החלטתי | לא זוכר | לא זוכרת | לא סגור | לא סגורה"
    " | i dont know | dont know | not sure | im not sure | i am not sure | dunno | no idea"
    " | i havent decided | havent decided | not certain | i dont remember"
)
# Words that ask for repetition only when nothing else is said.
REPEAT_ALONE = _phrases("מה | סליחה | הא | what | sorry | huh | im sorry")
HELLO = _phrases(
    "שלום | שלום לאה | הלו | היי | הי | בוקר טוב | ערב טוב | צהריים טובים | אחר צהריים טובים"
    " | מה נשמע | hello | hi | hey | hello there | good morning | good afternoon | good evening"
)
# What a call is about, without a word of the wish itself.
PURPOSE = _phrases(
    "לקבוע פגישה | פגישה | לקבוע | מחפש | מחפשת | מחפשים | מעוניין | מעוניינת | אשמח לעזרה | עזרה"
    " | appointment | meeting | looking for | interested in | viewing | help | some help"
)
REFUSAL = _phrases(
    "לא תודה | אף אחד | אף אחד מהם | לא מתאים | לא מתאים לי | לא נוח | לא טוב לי | לא נכון"
    " | משהו אחר | מועד אחר | מועדים אחרים | זמן אחר | יש עוד | אחרת"
    " | no thanks | no thank you | none of them | none of those | neither | none | something else"
    " | another time | other times | another one | other options | not good | doesnt work"
    " | does not work | dont work | cant make it | thats wrong | not right | thats not right"
    " | אין מצב | לא מסתדר | לא זה לא מסתדר | זה לא טוב | זה לא מתאים | אי אפשר"
    " | לא יכול | לא יכולה | אני לא יכול | אני לא יכולה | אף אחת | אף אחת מהן | שום דבר | אף זמן"
    " | לא רוצה | אני לא רוצה | לא רוצים | לא מעוניינים | לא זה | לא מתאימה לי | לא מתאימים לי"
    " | לא ממש | ממש לא | לא מסכים | יש משהו אחר | יש מועד אחר | יש זמן אחר | יש אחר"
    " | i cant | cant | cannot | i cannot | doesnt suit me | not really | anything else"
    " | something later | something earlier | anything later | anything earlier | other dates"
    " | another day | different time | i dont want | dont want | dont like | absolutely not"
    " | rather not | id rather not | wont work | that wont work | neither of them | not at all"
    " | ברור שלא | בטח שלא | כמובן שלא | בוודאי שלא | ודאי שלא | בהחלט לא | יום אחר | ביום אחר"
    " | אל תבטלי | אל תבטל | אל תבטלו | לא לבטל | dont cancel | do not cancel | not cancel"
    " | לא רוצה לבטל | אני לא רוצה לבטל | dont want to cancel | i dont want to cancel"
    " | of course not | definitely not | certainly not | sure not | no way"
)
# Of a meeting that is booked. Before one is, to cancel is to refuse.
CANCEL = _phrases(
    " | ".join(
        f"{verb} {what}"
        for verbs, objects in (
            (
                "לבטל תבטלי תבטל תבטלו בטלי בטל בטלו נבטל אבטל מבטל מבטלת מבטלים ביטול לביטול",
                "| בבקשה | הכול | הכל | את הכול | את הכל | את זה | אותה | אותו | פגישה | הפגישה"
                "| את הפגישה | את הפגישה הזאת | את הפגישה הזו | לי את הפגישה | את הפגישה שלי"
                "| את המועד | את התור | את מה שקבענו",
            ),
            (
                "cancel canceling cancelling cancellation",
                "| it | that | this | everything | the meeting | that meeting | this meeting"
                "| my meeting | the appointment | that appointment | my appointment | the booking"
                "| my booking | please",
            ),
        )
        for verb in verbs.split()
        for what in objects.split("|")
    )
    + " | call it off | call off the meeting | please cancel"
)
MOVE = _phrases(
    "לדחות | תדחי | תדחה | תדחו | נדחה | דחייה | להזיז | תזיזי | תזיז | תזיזו | נזיז | להקדים"
    " | תקדימי | תקדים | נקדים | לשנות | תשני | תשנה | נשנה | שינוי | להחליף | תחליפי | תחליף"
    " | נחליף | להעביר את הפגישה | להעביר אותה | תעבירי את הפגישה | תעבירי אותה | תעביר אותה"
    " | שעה אחרת | לשעה אחרת | בשעה אחרת | מועד אחר | למועד אחר | במועד אחר | יום אחר | ליום אחר"
    " | ביום אחר | זמן אחר | לזמן אחר | בזמן אחר | משהו אחר | שעה מאוחרת יותר | שעה מוקדמת יותר"
    " | לשעה מאוחרת | לשעה מוקדמת | יותר מאוחר | יותר מוקדם | מאוחר יותר | מוקדם יותר"
    " | reschedule | rescheduling | postpone | move it | move that | move the meeting"
    " | move my meeting | move the appointment | move my appointment | change it | change that"
    " | change the time | change the day | change the meeting | change my meeting"
    " | change the appointment | change my appointment | push it | push it back | bring it forward"
    " | another time | other time | another day | another hour | different time | different day"
    " | something later | something earlier | anything later | anything earlier | later time"
    " | earlier time | a bit later | a bit earlier | make it later | make it earlier"
)
KEEP = _phrases(
    "תשאירי | תשאיר | תשאירו | להשאיר | שתישאר | שיישאר | נשאיר | עזבי | עזוב | עזבו"
    " | keep it | keep that | keep the meeting | keep my meeting | keep the appointment"
    " | leave it | leave it as it is | leave that | never mind | nevermind | forget it"
)
# They say yes wherever they stand; and the weaker ones, if nothing but courtesy comes before.
YES = _phrases(
    "כן | כן בבקשה | בטח | בסדר גמור | סבבה | כמובן | בוודאי | בהחלט | אין בעיה | כן למה לא | יאללה"
    " | אחלה | אני לוקח | אני לוקחת | קבענו | סגרנו | תקבעי | תקבעי לי"
    " | תזמיני לי | לך על זה | נלך על זה | זה נכון | הכול טוב | הכל טוב | ברור"
    " | yes | yes please | yeah | yep | yup | sure | of course | thats right"
    " | no problem | yes why not | sure why not | absolutely | definitely | certainly | go ahead"
    " | book it | ill take it | ill take that | thatll work | lets do it | lets do that"
    " | lets book it | uh huh | mhm | mm hm"
)
WEAK_YES = _phrases(
    "נכון | בסדר | אוקיי | אוקי | מתאים | מתאימה | יופי | מצוין | מצויין | מעולה | בדיוק | טוב"
    " | מושלם"
    " | נהדר | סגור | מקובל | הגיוני | אפשרי | ok | okay | correct | right | fine | great | perfect"
    " | exactly | alright | all right | good | excellent | lovely | wonderful | deal | cool"
    " | agreed | indeed | מתאים לי | מתאימה לי | מתאים לנו | מסתדר לי | טוב לי | נוח לי | זה מתאים"
    " | זה בסדר | זה טוב | זה מצוין | נשמע טוב | נשמע מצוין | sounds good | sounds great"
    " | thats fine"
    " | thats great | thats good | thats perfect | works for me | that works | its fine"
    " | that would be great | that would be good | good for me | fine by me"
    " | לוקח | לוקחת | הולך"
)
# “Why not Tuesday?” is a question.
YES_ALONE = _phrases("אפשר | אפשר בבקשה | אהה | אה הא | למה לא | why not")
COURTESY = _words("oh well and then so תודה אז נו ו בבקשה לאה שי מצוין כן yes ok okay לי")
# What stands beside a choice and takes nothing of it back; whatever else does may.
CHOOSING = _phrases(
    "i want | i would like | id like | i prefer | id prefer | i choose | i pick | ill take"
    " | i will take | i can do | lets take | lets do | lets go with | ill go with | go with"
    " | go for | can we do | could we do | it works | works | works well | works fine"
    " | would work | will work | works best | suits | suits me | would suit | that would be"
    " | would be | will be | will do | should be"
    " | אני רוצה | אני אקח | אני לוקח | אני לוקחת | אני מעדיף | אני מעדיפה | אני בוחר"
    " | אני בוחרת | לי מתאים | לי נוח | בוא נקבע | בואי נקבע | בואו נקבע"
)
BESIDE_A_CHOICE = COURTESY | _words(
    "the a an one this that thats it its is at on in for of us me we please oclock am pm day"
    " time slot option book fine good great perfect best nice"
    " את זה זו של על נקבע תקבעי לקבוע אקח ניקח קחי רוצה רוצים מעדיף מעדיפה מעדיפים בוחר בוחרת"
    " אשמח אפשר האפשרות האופציה המועד מועד השעה בשעה שעה יום היום הזה הזאת יהיה עדיף הכי נוח נוחה"
    " מתאים מתאימה לנו נלך הקרוב הקרובה"
)
HUMAN = _phrases(
    "נציג | נציגה | נציג אנושי | נציגת שירות | נציג שירות | מוקדן | מוקדנית | בן אדם | בנאדם"
    " | אדם אמיתי"
    " | אדם אנושי | מישהו אמיתי | מישהי אמיתית | מישהו אנושי | לדבר עם מישהו | לדבר עם מישהי"
    " | לדבר עם בן אדם | לדבר עם אדם | לדבר עם נציג | לדבר עם נציגה | לדבר עם המנהל"
    " | לדבר עם | שאפשר לדבר איתו"
    " | שיחזור אליי | שיחזור אלי | יחזור אליי | יחזור אלי | יחזרו אליי | יחזרו אלי | תחזרו אליי"
    " | שיחזרו אליי | שיחזרו אלי | תתקשרו אליי | מישהו מהמשרד | מישהו מהצוות | לא עם מכונה"
    " | לא עם רובוט | בן אנוש | מישהו שיכול לעזור | מישהי שיכולה לעזור | יש שם מישהו"
    " | אני לא מדבר עם מכונה | אני לא מדבר עם רובוט"
    " | human | a human | human being | real person | a real person | actual person"
    " | live person | representative | a representative | real agent | operator"
    " | the operator | speak to | speak with | talk to"
    " | talk with | put me through | transfer me | connect me | call me back | calls me back"
    " | someone real | customer service | live agent | anyone there | someone there"
    " | someone who can help | speak to someone | talk to someone"
    " | get me the manager | get me a manager | get me the owner | give me the manager"
    " | give me a person | get me a person | to a person | real agent | לדבר עם סוכן"
    " | תני לי את המנהל | תן לי את המנהל"
)
# They are spoken of as well («הבעלים מבקש שבעת אלפים»): a wish only if nothing else is said.
HUMAN_ALONE = _phrases(
    "המנהל | המנהלת | הבעלים | בעל הבית | המתווך | המתווכת | המזכירה | manager | owner"
    " | תעבירי אותי | תעביר אותי | תעבירו אותי | להעביר אותי"
)
# «תעבירי אותי למנהל», and not «תעבירי אותי ליום שני».
TRANSFERRED_TO = _phrases(
    " | ".join(
        f"{verb} אותי {to}"
        for verb in ("תעבירי", "תעביר", "תעבירו", "להעביר", "תעבירי בבקשה")
        for to in sorted(
            _words(
                "לנציג לנציגה לנציגת למוקד למוקדן למוקדנית למנהל למנהלת לבעלים לבעל למתווך למתווכת"
                " למזכירה למזכירות לבן לבנאדם לאדם למישהו למישהי לסוכן לסוכנת למשרד לשירות לשי"
            )
        )
    )
)
# Somebody else to talk to, before anything is decided here.
NOT_HUMAN = _phrases(
    "talk to my | talk with my | speak to my | speak with my | talk to you | talk it over"
    " | לדבר עם אשתי | לדבר עם אישתי | לדבר עם בעלי | לדבר עם השותף | לדבר עם אבא"
    " | לדבר עם אמא | לדבר עם ההורים | לדבר עם המשפחה | לדבר איתך | לדבר איתכם"
)
ABUSE = _phrases(
    "מטומטם | מטומטמת | מטומטמים | מפגר | מפגרת | אידיוט | אידיוטית | אידיוטים | זונה | בן זונה"
    " | בת זונה | שרמוטה | יא כלבה | את כלבה | מניאק | מניאקית | תזדיין"
    " | תזדייני | לך תזדיין | לכי תזדייני"
    " | קיבינימט | לך לעזאזל | לכי לעזאזל | סתום את הפה | סתמי את הפה | שתקי | דפוקה"
    " | דפוק | חתיכת זבל | טמבלית | טמבל | דבילית | דביל | כוס אמא שלך | כוסאמק | יא זבל"
    " | fuck | fucking | fucker | fuck you | fuck off | bitch | asshole | bastard | idiot"
    " | idiots | moron | shut up | go to hell | screw you | you stupid | stupid machine"
    " | stupid robot | stupid bot | youre stupid | you are stupid | piece of shit | cunt | dumbass"
    " | whore | retard"
)
# «יש לי כלבה», «הכביש סתום».
ABUSE_ALONE = _phrases("כלבה | סתום | סתמי | סתמי כבר | סתום כבר")
DISTRESS = _phrases(
    "להתאבד | אתאבד | מתאבד | מתאבדת | התאבדות | אובדני | אובדנית | רוצה למות | בא לי למות"
    " | מעדיף למות | מעדיפה למות | עדיף לי למות | עדיף שאמות | לגמור עם החיים | לסיים את החיים"
    " | לשים קץ לחיים | לשים קץ לחיי | לשים לזה סוף | לפגוע בעצמי | אפגע בעצמי | להרוג את עצמי"
    " | אהרוג את עצמי | נמאס לי לחיות | נמאס לי מהחיים | אין לי סיבה לחיות"
    " | אין לי בשביל מה לחיות | אין טעם לחיים | לא רוצה לחיות יותר | לא רוצה יותר לחיות"
    " | kill myself | killing myself | end my life | ending my life | take my own life | suicide"
    " | suicidal | want to die | wanna die | wish i was dead | wish i were dead"
    " | better off dead | hurt myself | hurting myself | harm myself | harming myself"
    " | no reason to live | nothing to live for | end it all"
)
# “I don't want to live in Jaffa.”
DISTRESS_ALONE = _phrases(
    "לא רוצה לחיות | אני לא רוצה לחיות | i dont want to live | dont want to live"
    " | i do not want to live | i dont want to live anymore | i dont want to live any more"
)
NO = _phrases("לא | ממש לא | לא לא | no | nope | nah | no no | not")
THANKS = _phrases("תודה | תודה רבה | thanks | thank you | thank you very much | thanks a lot")
CORRECTIONS = _words("no sorry actually mean rather instead סליחה בעצם התכוונתי במקום")
# What is told after these replaces what was told before them.
TAKEN_BACK = _phrases(
    "לא סליחה | סליחה | אה לא | אהה לא | אמ לא | בעצם | בעצם לא | אה בעצם | לא בעצם | לא רגע"
    " | no sorry | sorry | sorry no | uh no | um no | oh no | no wait | wait no | no wait sorry"
    " | scratch that | or rather | no make it | make that"
)
# The same, and these are corrections even if nothing was told before.
MEANT = _phrases(
    "התכוונתי | לא התכוונתי | אבל רציתי | אבל התכוונתי | אבל אמרתי | אני בעצם"
    " | i mean | i meant | no i mean | no i meant | actually | actually no | no actually"
    " | but i wanted | but i meant | but i said | but i want"
)
BEFORE_THAT_ONE = _words(
    "the early earlier late later that this other another oclock clock which each every any"
    " monday tuesday wednesday thursday friday saturday sunday morning afternoon evening"
)
FILLERS = _words("אה אמ אממ אמם אמממ הממ uh um er erm hmm")
DENIED = _words("not except without didnt dont isnt ולא חוץ מלבד פרט")
NO_ANSWER = _phrases(
    "רק לא | אבל לא | לא יותר | לא פחות | לא לפני | לא אחרי | לא רחוק | לא גדול | לא גדולה"
    " | לא קטן | לא קטנה | לא יקר | לא יקרה | but not | not more | no more | not less | no less"
    " | not before | not after | not too | no later | no earlier | not far"
)
"""These begin with a no, and say none."""
UNSUITABLE = _phrases(
    "לא מתאים | לא טוב | לא נוח | לא מסתדר | לא אפשרי | לא יכול | לא יכולה | doesnt work"
    " | wont work"
    " | isnt good | doesnt suit | is out | is bad"
)
ELSEWHERE = _phrases(
    "בת ים | בבת ים | ראשון לציון | בראשון לציון | רמת אביב | ברמת אביב | רמת השרון | ברמת השרון"
    " | רמת החייל | הצפון החדש | בצפון החדש | בני ברק | בבני ברק | באר שבע | בבאר שבע | בית שמש"
    " | בבית שמש | בית שאן | הוד השרון | new north"
)
ONLY_NOT = _phrases("רק לא | אבל לא | but not | anywhere but | anything but")
"""An exception, and no correction."""
BESIDE_DENIAL = _words("in the a an on at to for with want את של say said looking said")
SAID = _words("אמרתי רציתי ביקשתי התכוונתי")
WANTED = _words("רוצה מחפש מחפשת רוצים מחפשים צריך צריכה")

CURRENCY = _words("shekels shekel shekles nis ils שקל שקלים שח ש״ח")
MONEY_HINTS = _words("budget upto maximum max most pay תקציב התקציב מקסימום לשלם תקציבי")
RANGE = _words("to or and until between עד או ל בין ועד לבין")
CLOCK_HEADS = _words("at around about after before by from בשעה ב אחרי לפני סביב השעה בסביבות")
CLOCK_TAILS = _words("am pm oclock clock בבוקר בערב בצהריים אחר אחרי in")
SCALES_AND_ROOMS = _words(
    "thousand million mil k m אלף אלפים מיליון מליון rooms room חדרים חדר shekels shekel שקל שקלים"
)
# Minutes before and after the full hour that follows them.
CLOCK_PHRASES: dict[tuple[str, ...], int] = {
    ("half", "past"): 30,
    ("quarter", "past"): 15,
    ("quarter", "after"): 15,
    ("quarter", "to"): -15,
    ("twenty", "past"): 20,
    ("twenty", "to"): -20,
    ("ten", "past"): 10,
    ("ten", "to"): -10,
    ("five", "past"): 5,
    ("five", "to"): -5,
    ("רבע",): -15,
    ("עשרה",): -10,
    ("עשרים",): -20,
    ("חמישה",): -5,
}
DAYS = _words("days day ימים יום")
WEEKS = _words("weeks week שבועות")
_MONTHS = (
    "january ינואר",
    "february פברואר",
    "march מרץ מרס",
    "april אפריל",
    "may מאי",
    "june יוני",
    "july יולי",
    "august אוגוסט",
    "september ספטמבר",
    "october אוקטובר",
    "november נובמבר",
    "december דצמבר",
)
MONTHS = {
    name if prefix == "" else prefix + name: month
    for month, names in enumerate(_MONTHS, 1)
    for name in names.split()
    for prefix in (("",) if name.isascii() else ("", "ב", "ל"))
}
OF_THE_MONTH = _words("לחודש בחודש")
DAY_SUFFIXES = _words("th st nd rd")
OF_A_MONTH = OF_THE_MONTH | DAY_SUFFIXES | MONTHS.keys()
_FIRST_TO_NINETEENTH = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth"
    " fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth"
)
ORDINAL_DAYS = {
    **{word: day for day, word in enumerate(_FIRST_TO_NINETEENTH.split(), 1)},
    "twentieth": 20,
    "thirtieth": 30,
}
TENS_OF_DAYS = {"twenty": 20, "thirty": 30}
_FIRST_TO_TENTH_HE = "ראשון שני שלישי רביעי חמישי שישי שביעי שמיני תשיעי עשירי"
# «הראשון בדצמבר»
ORDINAL_DAYS_HE = {
    prefix + word: day
    for day, word in enumerate(_FIRST_TO_TENTH_HE.split(), 1)
    for prefix in ("", "ה", "ב", "ל")
}
DAY_HEADS = _words("יום ביום ליום")
DATE_HEADS = _words("ה תאריך בתאריך לתאריך date")
BEFORE_A_DATE = DATE_HEADS | _words("ב ל")
FROM = _words("מ מה from")
MOVING_IN = _phrases(
    "כניסה | הכניסה | להיכנס | להכנס | נכנס | נכנסת | נכנסים | לעבור | עובר | עוברת | עוברים"
    " | מתפנה | פינוי | חוזה | move in | moving in | move into | lease | vacant | starting"
)
# “The fifth floor” is none.
AFTER_A_DATE = frozenset(
    {"", "at", "in", "please", "if", "works", "is", "would", "or", "and", "אם"}
)

ORDINALS: dict[int, Phrases] = {
    1: _phrases(
        "הראשון | הראשונה | אפשרות ראשונה | אופציה ראשונה | אפשרות אחת | מספר אחת | מספר אחד"
        " | the first | the first one | first | first one | number one | option one"
        " | the 1 st | 1 st"
    ),
    2: _phrases(
        "השני | השנייה | השניה | אפשרות שנייה | אופציה שנייה | אופציה שניה | מספר שתיים"
        " | מספר שתים | אפשרות שתיים | the second | the second one | second | second one"
        " | number two | option two | the 2 nd | 2 nd"
    ),
    3: _phrases(
        "השלישי | השלישית | אפשרות שלישית | אופציה שלישית | מספר שלוש | אפשרות שלוש"
        " | the third | the third one | third | third one | number three | option three"
        " | the 3 rd | 3 rd"
    ),
    -1: _phrases("האחרון | האחרונה | אחרון | אחרונה | the last | the last one | last one | last"),
}

NEXT_WEEK = _phrases(
    "שבוע הבא | בשבוע הבא | לשבוע הבא | next week | the following week | week after"
)
NEXT = _words("הבא הבאה")
DAYS_AHEAD: dict[int, Phrases] = {
    14: _phrases(
        "בעוד שבועיים | עוד שבועיים | לעוד שבועיים | in two weeks | two weeks from now"
        " | two weeks from today | in a fortnight | a fortnight from now"
    ),
    7: _phrases("בעוד שבוע | עוד שבוע | in a week | a week from now | a week from today"),
    2: _phrases(
        "מחרתיים | ליום מחרתיים | בעוד יומיים | עוד יומיים | the day after tomorrow"
        " | day after tomorrow"
    ),
    1: _phrases("מחר | למחר | tomorrow"),
    0: _phrases("היום | להיום | today"),
}


def _day(english: str, hebrew: str, letter: str) -> Phrases:
    names = [english, english + "s", f"on {english}"]
    names += [f"{prefix} {hebrew}" for prefix in ("יום", "ביום", "ליום", "מיום", "ימי", "בימי")]
    names += [f"{prefix} {letter}" for prefix in ("יום", "ביום", "ליום")]
    return _phrases(" | ".join(names))


WEEKDAYS: dict[int, Phrases] = {
    6: _day("sunday", "ראשון", "א"),
    0: _day("monday", "שני", "ב"),
    1: _day("tuesday", "שלישי", "ג"),
    2: _day("wednesday", "רביעי", "ד"),
    3: _day("thursday", "חמישי", "ה"),
    4: _day("friday", "שישי", "ו"),
    5: _phrases("saturday | שבת | בשבת | יום שבת | ביום שבת | מוצאי שבת"),
}
# Without «יום» these name a day, or a place in a list: «ראשון», «שלישי».
WEEKDAY_OR_ORDINAL: dict[int, Phrases] = {
    6: _phrases("ראשון | בראשון | לראשון"),
    0: _phrases("בשני | לשני"),
    1: _phrases("שלישי | בשלישי | לשלישי"),
    2: _phrases("רביעי | ברביעי | לרביעי"),
    3: _phrases("חמישי | בחמישי | לחמישי"),
    4: _phrases("שישי | בשישי | לשישי"),
}
ORDINAL_OF_WEEKDAY = {6: 1, 0: 2, 1: 3}

PARTS: dict[Part, Phrases] = {
    "afternoon": _phrases(
        "אחר הצהריים | אחרי הצהריים | אחר צהריים | אחרי צהריים | אחהצ | אחה צ | בצהריים מאוחר"
        " | צהריים מאוחרים | אחר הצהרים | אחרי הצהרים | אחרי צהרים | אחר צהרים"
        " | afternoon | the afternoon | afternoons | after noon | after lunch"
    ),
    "morning": _phrases(
        "בוקר | בבוקר | לבוקר | הבוקר | לפני הצהריים | לפני הצהרים | בקרים | בבקרים | על הבוקר"
        " | first thing | first thing in the morning | בשעות הבוקר"
        " | שעות הבוקר | בוקר מוקדם | morning | the morning | mornings | late morning"
    ),
    "evening": _phrases(
        "ערב | בערב | לערב | הערב | ערבים | בערבים | לפנות ערב | לקראת ערב | בשעות הערב"
        " | אחרי העבודה | evening | the evening | evenings | tonight | after work"
    ),
    "noon": _phrases("צהריים | בצהריים | הצהריים | בצהרים | צהרים | noon | midday | lunchtime"),
}
PARTS_OF_TODAY = frozenset({"this", "הבוקר", "הערב", "tonight"})
