import pytest

from engine.store.identifiers import without_identifiers

# The card is Visa's published test number; the identity numbers are made up, their check digits
# right or wrong.


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("הכרטיס שלי 4111 1111 1111 1111 תודה", "הכרטיס שלי [card] תודה"),
        ("4111-1111-1111-1111", "[card]"),
        ("4111111111111112", "4111111111111112"),
        ("תעודת זהות 123456782", "תעודת זהות [id]"),
        ("12345678-2.", "[id]."),
        ("123456789", "123456789"),
        ("דנה@example.co.il", "[e-mail]"),
        ("write to dana.levi+home@example.com, please", "write to [e-mail], please"),
        ("עד 7,000 שקלים, 3.5 חדרים", "עד 7,000 שקלים, 3.5 חדרים"),
        ("050-1234567", "050-1234567"),
        ("1,234,567,890,123,456,789", "1,234,567,890,123,456,789"),
        ("", ""),
    ],
)
def test_cards_identity_numbers_and_addresses_are_not_kept(said: str, kept: str) -> None:
    assert without_identifiers(said) == kept
