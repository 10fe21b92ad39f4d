import pytest

from engine.dialogue.names import answered, introduced


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("קוראים לי ורד", "ורד"),
        ("שלום, שמי רונית בן דוד ואני מחפשת דירה", "רונית בן דוד"),
        ("השם שלי הוא משה פרץ", "משה פרץ"),
        ("מדברת אורנה דדון", "אורנה דדון"),
        ("קוֹרְאִים לִי דָּנִי", "דני"),
        ("אני דוד ואני רוצה לקנות", "דוד"),
        ("שם פרטי מאיר שם משפחה סבג", "מאיר סבג"),
        ("גלית, שם משפחה נחום", "גלית נחום"),
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
        ("it's under seven thousand", None),
        ("call me Sunday at ten", None),
        ("אני מדבר מהאוטו", None),
        ("מה השם שלכם", None),
        ("call me David", "David"),
        ("תרשמי על שם משה פרץ", "משה פרץ"),
    ],
)
def test_a_name_is_heard_where_it_is_announced(words: str, name: str | None) -> None:
    assert introduced(words) == name


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("רפי אוחיון", "רפי אוחיון"),
        ("אה משה", "משה"),
        ("אני קובי", "קובי"),
        ("רז, ריש זין", "רז"),
        ("למד ויו יוד", "לוי"),
        ("כהן, כף הא נון", "כהן"),
        ("לא יוסי קובי", "קובי"),
        ("אורי לא אורית", "אורי"),
        ("it's Grace", "Grace"),
        ("Ford, F O R D", "Ford"),
        ("no, it's Lisa, not Liz", "Lisa"),
        ("Hadas please", "Hadas"),
        ("בשביל מה את צריכה את השם", None),
        ("what do you want my name for", None),
        ("לא רוצה לתת את השם", None),
        ("I would rather not", None),
        ("", None),
    ],
)
def test_an_answer_is_a_name_if_it_can_be_one(words: str, name: str | None) -> None:
    assert answered(words) == name
