"""The agent's words, Hebrew and English, as tables: no logic here.

Hebrew is pointed throughout; the agent speaks of herself in the feminine, and to the caller in
forms that leave the caller's gender open."""

from engine.dialogue.acts import Ending, Manner, Why
from engine.dialogue.profile import Language
from engine.dialogue.wish import Slot

Texts = dict[Language, str]
Lists = dict[Language, tuple[str, ...]]

HELP: Texts = {"he": "בַּמֶּה אֶפְשָׁר לַעֲזוֹר?", "en": "How can I help?"}
SECOND_LANGUAGE: Texts = {
    "he": "אֲנִי אוֹטוֹמָטִית וּמְדַבֶּרֶת גַּם עִבְרִית.",
    "en": "I'm automated and speak English too.",
}
HELP_AGAIN: Texts = {
    "he": "לֹא שָׁמַעְתִּי טוֹב, אֶפְשָׁר לַחֲזוֹר עַל הַבַּקָּשָׁה?",
    "en": "Sorry, I didn't hear well. Could you say that again?",
}
LANGUAGE_KEY: Texts = {"he": "לְעִבְרִית הַקִּישׁוּ {key}.", "en": "For English, press {key}."}
ANY_KEY: Texts = {"he": "לְהַמְשֵׁךְ הַקִּישׁוּ אַחַת.", "en": "To go on, press one."}

QUESTIONS: dict[Slot, dict[Manner, Texts]] = {
    "area": {
        Manner.PLAIN: {
            "he": "אֵ֫יזֶה אֵזוֹר מְעַנְיֵין אֶתְכֶם?",
            "en": "Which area are you interested in?",
        },
        Manner.AGAIN: {
            "he": "לֹא שָׁמַעְתִּי טוֹב, אֶפְשָׁר לַחֲזוֹר עַל הָאֵזוֹר?",
            "en": "Sorry, I didn't hear well. Could you repeat the area?",
        },
        Manner.OTHER_WORDS: {
            "he": "סְלִיחָה, עֲדַ֫יִין לֹא הֵבַנְתִּי. בְּאֵ֫יזוֹ שְׁכוּנָה לְחַפֵּשׂ?",
            "en": "I still didn't catch that. In which neighborhood should I look?",
        },
    },
    "kind": {
        Manner.PLAIN: {
            "he": "מַה מְּחַפְּשִׂים: {kinds}?",
            "en": "What are you looking for: {kinds}?",
        },
        Manner.AGAIN: {
            "he": "לֹא שָׁמַעְתִּי טוֹב, אֶפְשָׁר לַחֲזוֹר עַל סוּג הַנֶּכֶס?",
            "en": "Sorry, I didn't hear well. Could you repeat the property type?",
        },
        Manner.OTHER_WORDS: {
            "he": "סְלִיחָה, עֲדַ֫יִין לֹא הֵבַנְתִּי. {kinds}?",
            "en": "I still didn't catch that. Is it {kinds}?",
        },
    },
    "budget": {
        Manner.PLAIN: {
            "he": "מָה הַתַּקְצִיב שֶׁלָּכֶם?",
            "en": "What is your budget?",
        },
        Manner.AGAIN: {
            "he": "לֹא שָׁמַעְתִּי טוֹב, אֶפְשָׁר לַחֲזוֹר עַל הַתַּקְצִיב?",
            "en": "Sorry, I didn't hear well. Could you repeat the budget?",
        },
        Manner.OTHER_WORDS: {
            "he": "סְלִיחָה, עֲדַ֫יִין לֹא הֵבַנְתִּי. כַּמָּה שְׁקָלִים לְכׇל הַיּוֹתֵר?",
            "en": "I still didn't catch that. How many shekels at most?",
        },
    },
    "time": {
        Manner.PLAIN: {
            "he": "מָתַי נוֹחַ לְהִיפָּגֵשׁ, בַּבּוֹקֶר אוֹ אַחֲרֵי הַצׇּהֳרַ֫יִים?",
            "en": "When would you like to meet, in the morning or afternoon?",
        },
        Manner.AGAIN: {
            "he": "לֹא שָׁמַעְתִּי טוֹב, אֶפְשָׁר לַחֲזוֹר עַל הַזְּמַן?",
            "en": "Sorry, I didn't hear well. Could you repeat the time?",
        },
        Manner.OTHER_WORDS: {
            "he": "סְלִיחָה, עֲדַ֫יִין לֹא הֵבַנְתִּי. אֵ֫יזֶה יוֹם מַתְאִים?",
            "en": "I still didn't catch that. Which day suits you?",
        },
        Manner.ANOTHER_DAY: {
            "he": "אֵין בְּעָיָה. אֵ֫יזֶה יוֹם מַתְאִים יוֹתֵר?",
            "en": "No problem. Which day would be better?",
        },
    },
}
NARROW: dict[Slot, Texts] = {
    "area": {
        "he": "נַתְחִיל מֵאֵזוֹר אֶחָד. אֵ֫יזֶה מֵהֶ֫ם?",
        "en": "Let's start with one area. Which one?",
    },
    "kind": {
        "he": "נַתְחִיל מִנֶּכֶס אֶחָד. אֵ֫יזֶה מֵהֶ֫ם?",
        "en": "Let's start with one property. Which one?",
    },
}
WAIT: Texts = {"he": "בֶּטַח, קְחוּ אֶת הַזְּמַן.", "en": "Of course, take your time."}
ENDINGS: dict[Ending, Texts] = {
    Ending.CALLER: {
        "he": "תּוֹדָה שֶׁהִתְקַשַּׁרְתֶּם, לְהִתְרָאוֹת!",
        "en": "Thank you for calling, goodbye!",
    },
    Ending.LOST: {
        "he": "סְלִיחָה, לֹא הִצְלַחְתִּי לְהָבִין. אֶפְשָׁר לְהִתְקַשֵּׁר שׁוּב. לְהִתְרָאוֹת!",
        "en": "Sorry, I could not understand you. Please call again. Goodbye!",
    },
    Ending.FULL: {
        "he": "סְלִיחָה, אֵין לִי מוֹעֵד פָּנוּי אַחֵר הַשָּׁבוּעַ. לְהִתְרָאוֹת!",
        "en": "Sorry, I have no other time free this week. Goodbye!",
    },
    Ending.BROKEN: {
        "he": "סְלִיחָה, אִי אֶפְשָׁר לִשְׁמוֹר אֶת הַפְּגִישָׁה כָּעֵת. אֶפְשָׁר לְהִתְקַשֵּׁר שׁוּב מְאוּחָר יוֹתֵר. לְהִתְרָאוֹת!",
        "en": "Sorry, I cannot save the meeting now. Please call again later. Goodbye!",
    },
}
BEFORE_OFFER: dict[Why, Texts] = {
    Why.ASKED: {"he": "", "en": ""},
    Why.OTHERS: {"he": "אֵין בְּעָיָה.", "en": "No problem."},
    Why.AGAIN: {"he": "שׁוּב:", "en": "Once more:"},
    Why.TAKEN: {"he": "סְלִיחָה, זֶה נִתְפַּס.", "en": "Sorry, just taken."},
    Why.NOTHING_THEN: {"he": "בַּזְּמַן הַזֶּה אֵין פָּנוּי.", "en": "Nothing free then."},
    Why.BEYOND: {"he": "רַק בַּשָּׁבוּעַ הַקָּרוֹב:", "en": "Only this coming week:"},
}
WHICH: Texts = {"he": "מַה מַּתְאִים?", "en": "Which suits you?"}
DOES_IT: Texts = {"he": "מַתְאִים?", "en": "Does that suit you?"}
PLACES: Lists = {
    "he": ("הָרִאשׁוֹן", "הַשֵּׁנִי", "הַשְּׁלִישִׁי"),
    "en": ("the first", "the second", "the third"),
}
MORE: Texts = {"he": "לְעוֹד אֶפְשָׁרוּיוֹת", "en": "more"}
OTHER_TIMES: Texts = {"he": "לְמוֹעֵד אַחֵר", "en": "others"}
OR: Texts = {"he": "אוֹ", "en": "or"}
WEEKDAYS: Lists = {
    "he": (
        "יוֹם שֵׁנִי",
        "יוֹם שְׁלִישִׁי",
        "יוֹם רְבִיעִי",
        "יוֹם חֲמִישִׁי",
        "יוֹם שִׁישִׁי",
        "שַׁבָּת",
        "יוֹם רִאשׁוֹן",
    ),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
TODAY: Lists = {"he": ("הַיּוֹם", "מָחָר"), "en": ("today", "tomorrow")}
AT_HOUR_HE = (
    "בְּאַחַת",
    "בִּשְׁתַּ֫יִים",
    "בְּשָׁלוֹשׁ",
    "בְּאַ֫רְבַּע",
    "בְּחָמֵשׁ",
    "בְּשֵׁשׁ",
    "בְּשֶׁבַע",
    "בִּשְׁמוֹנֶה",
    "בְּתֵשַׁע",
    "בְּעֶשֶׂר",
    "בְּאַחַת עֶשְׂרֵה",
    "בִּשְׁתֵּים עֶשְׂרֵה",
)
TIME_ITEMS: Lists = {
    "he": ("לְבוֹקֶר", "לְאַחַר הַצׇּהֳרַ֫יִים", "לְכׇל שָׁעָה"),
    "en": ("For mornings", "afternoons", "any time"),
}
