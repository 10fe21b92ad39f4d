"""What a caller is told who waits for an answer, Hebrew and English: no logic here.

Short: the answer follows as soon as it is there. Pointed and gendered as in `texts.py`."""

from engine.core.effects import Clip
from engine.dialogue.profile import Texts

FILLERS: dict[Clip, Texts] = {
    Clip.MOMENT: {"he": "רַק רֶ֫גַע, אֲנִי בּוֹדֶ֫קֶת.", "en": "One moment, let me check."},
    Clip.STILL: {"he": "עוֹד רֶ֫גַע, בְּבַקָּשָׁה.", "en": "One more moment, please."},
    Clip.THANKS: {"he": "תּוֹדָה עַל הַסַּבְלָנוּת.", "en": "Thank you for your patience."},
    Clip.SORRY: {
        "he": "סְלִיחָה, יֵשׁ לָ֫נוּ תַּקָּלָה. אֶפְשָׁר לְהִתְקַשֵּׁר שׁוּב מְאוּחָר יוֹתֵר. לְהִתְרָאוֹת!",
        "en": "Sorry, we have a technical problem. Please call again later. Goodbye!",
    },
}
TRANSFERRED: Texts = {
    "he": "סְלִיחָה, יֵשׁ לָ֫נוּ תַּקָּלָה. אֲנִי מַעֲבִירָה אֶתְכֶם לְנָצִיג שֶׁל הַמִּשְׂרָד.",
    "en": "Sorry, we have a technical problem. I'm transferring you to a colleague.",
}
"""The apology where there is a person to whom the caller is given."""
