"""The words that a model's own sentences may be made of: enough to react kindly and to ask for what
is missing, too few to tell anything about the world. Tables, no logic.

What is not here a caller hears in our own words instead. Hebrew without points and prefixes."""

from engine.dialogue.profile import Language


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


HARMLESS: dict[Language, frozenset[str]] = {
    "en": _words(
        "a about after afternoon again agent all alright also am an and any anything are area areas"
        " around as ask at be before begin bit budget by can choose come could date day"
        " days did district do does each else evening exactly excellent feel find fine first for"
        " from get glad go good got great happy have hear hello help here hi hope hour how i id if"
        " ill im in interested into is it its ive just kind kinds know let lets like live location"
        " look looking lot lovely many may maybe me mean meet meeting mention mind month more"
        " morning move moving much my near nearby need neighborhood neighborhoods neighbourhood"
        " next nice not noted now of okay on or our part perfect place please pleased possible"
        " prefer preferred properties property question rather ready really right roughly say"
        " search see sense shall share should so some something sorry sort sounds spend"
        " start still suit suits take team tell thank thanks that thats the them then there these"
        " they thing think this those time times to together too town type types understand"
        " understood us very want way we wed week well what whats when where which while whole"
        " will wish with wonderful work works worry would you youd your youre yours"
    ),
    "he": _words(
        "אבל אודות אותה אותו אותי אותך אותם אז אזור אזורים אחפש אחר אחרי איזה איזו איך אילו איפה"
        " אל אנחנו אני אעזור אשמח את אתכם אתם בבקשה בבקשתכם בגדול בוקר בחירה בערך בשמחה גם דבר"
        " דברים דעתכם הבנתי הבקשה הוא היא היה היכן הם הסוכן העדפה הפגישה הצהריים השאלה התחלה"
        " זאת זה זו זמן חודש חיפוש חשוב טוב יהיה יום יופי ייתן ימים יסביר יספר יענה יעזור יתאים"
        " כדי כי כך ככה כמה לאן לב לגבי לגור לדבר לדעת להבין להוציא להיפגש להמשיך להשקיע"
        " להתחיל להתמקד לחפש לי לכם למצוא לנו לעזור לעשות לפני לשאול לשלם לשמוע מאוד מבחינת"
        " מבינה מה מהו מהי מהם מובן מוצאת מועד מועדים מחפש מחפשים מידע מיקום מישהו ממש מסוים"
        " מסוימת"
        " מעדיפים מעולה מעוניינים מעניין מעניינת מענין מצוין מקום מראש משהו מתאים מתאימה מתי נבין"
        " נדבר"
        " נהדר נוח נוחה נוסף נחפש נכס נכסים נמצא נמשיך נעזור נעים נפגש ניפגש נפלא נשמח נתחיל"
        " נתמקד סוג סוגי סוכן סכום סליחה סביב עבורכם עד עדיף עוד על עיר עכשיו עם ערב פגישה פרטים"
        " צהריים צריך צריכים קודם רוצים רק רחוב שאלה שבוע שכונה שכונות של שלכם שלנו שמחה שעה"
        " שעות תגידו תודה תוכלו תעדיפו תקציב תקציבכם תרצו תשובה תתאים"
    ),
}
