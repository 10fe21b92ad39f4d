import pytest

from engine.dialogue.names import answered, introduced


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("קוראים לי יעל", "יעל"),
        ("שלום, שמי רונית בן דוד ואני מחפשת דירה", "רונית בן דוד"),
        ("השם שלי הוא משה פרץ", "משה פרץ"),
        ("מדברת שרון ביטון", "שרון ביטון"),
        ("קוֹרְאִים לִי דָּנִי", "דני"),
        ("אני דוד ואני רוצה לקנות", "דוד"),
        ("שם פרטי איתן שם משפחה גולן", "איתן גולן"),
        ("תמר, שם משפחה אזולאי", "תמר אזולאי"),
        ("my name is John Smith and I need a flat", "John Smith"),
        ("Hi, this is Sarah calling", "Sarah"),
        ("first name Peter, last name Parker", "Peter Parker"),
        ("my name is S M I T H", "Smith"),
        ("אני מחפש דירה", None),
        ("אני עורך דין", None),
        ("זה יקר", None),
        ("I'm looking for an office", None),
        ("this is great", None),
        ("my name is not important", None),
    ],
)
def test_a_name_is_heard_where_it_is_announced(words: str, name: str | None) -> None:
    assert introduced(words) == name


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("דני כהן", "דני כהן"),
        ("אה משה", "משה"),
        ("אני יוסי", "יוסי"),
        ("לוי, למד ויו יוד", "לוי"),
        ("למד ויו יוד", "לוי"),
        ("כהן, כף הא נון", "כהן"),
        ("לא יוסי קובי", "קובי"),
        ("אורי לא אורית", "אורי"),
        ("it's Michael", "Michael"),
        ("Smith, S M I T H", "Smith"),
        ("no, it's Ron, not Dan", "Ron"),
        ("Hadas please", "Hadas"),
        ("בשביל מה את צריכה את השם", None),
        ("why do you need my name", None),
        ("לא רוצה להגיד", None),
        ("I'd rather not say", None),
        ("", None),
    ],
)
def test_an_answer_is_a_name_if_it_can_be_one(words: str, name: str | None) -> None:
    assert answered(words) == name
