"""The agent's words that are the same for every business, Hebrew and English: no logic here. What
is asked, and how, is in the profile.

Hebrew is pointed throughout; the agent speaks of herself in the feminine, and to the caller in
forms that leave the caller's gender open."""

from engine.dialogue.acts import Ending, Lead, Why
from engine.dialogue.profile import Language, Texts
from engine.dialogue.wish import Part

Lists = dict[Language, tuple[str, ...]]

HELP: Texts = {"he": "בַּמֶּה אֶפְשָׁר לַעֲזוֹר?", "en": "How can I help?"}
GOOD_TIME: Texts = {"he": "זֶה זְמַן טוֹב לְדַבֵּר?", "en": "Is now a good time?"}
SECOND_LANGUAGE: Texts = {
    "he": "אֲנִי אוֹטוֹמָטִית וּמְדַבֶּרֶת גַּם עִבְרִית.",
    "en": "I'm automated and speak English too.",
}
HELP_AGAIN: Texts = {
    "he": "לֹא שָׁמַעְתִּי טוֹב, אֶפְשָׁר לַחֲזוֹר עַל הַבַּקָּשָׁה?",
    "en": "Sorry, I didn't hear well. Could you say that again?",
}
ALSO_SPEAKS: Texts = {"he": "אֲנִי מְדַבֶּרֶת גַּם עִבְרִית.", "en": "I speak English too."}
LANGUAGE_KEY: Texts = {"he": "לְעִבְרִית הַקִּישׁוּ {key}.", "en": "For English, press {key}."}
NO_MORE_CALLS_KEY: Texts = {
    "he": "לַהֲסָרָה הַקִּישׁוּ כּוֹכָבִית.",
    "en": "For no more calls, press star.",
}
ANY_KEY: Texts = {"he": "לְהֶמְשֵׁךְ הַקִּישׁוּ אַחַת.", "en": "To go on, press one."}

YES_NO_KEYS: Texts = {
    "he": "לְאִישּׁוּר הַקִּישׁוּ אַחַת, לְתִיקּוּן שְׁתַּ֫יִים.",
    "en": "Press one for yes, two for no.",
}
WAIT: Texts = {"he": "בֶּטַח, קְחוּ אֶת הַזְּמַן.", "en": "Of course, take your time."}
STILL_THERE: Texts = {"he": "עֲדַ֫יִין כָּאן?", "en": "Are you still there?"}
DISTRESS: Texts = {
    "he": "חָשׁוּב לִי שֶׁתְּדַבְּרוּ עִם מִ֫ישֶׁהוּ.",
    "en": "Please talk to somebody about this.",
}
HAND_OVER_NOW: Texts = {
    "he": "אֲנִי מַעֲבִירָה אֶתְכֶם עַכְשָׁיו.",
    "en": "I'm putting you through.",
}
CALL_BACK: Texts = {
    "he": "נָא לְהִתְקַשֵּׁר אֵלֵ֫ינוּ. תּוֹדָה וּלְהִתְרָאוֹת!",
    "en": "Please call us back. Thank you, goodbye!",
}
_LOST: Texts = {
    "he": "סְלִיחָה, לֹא הִצְלַחְתִּי לְהָבִין. אֶפְשָׁר לְהִתְקַשֵּׁר שׁוּב. לְהִתְרָאוֹת!",
    "en": "Sorry, I could not understand you. Please call again. Goodbye!",
}
ENDINGS: dict[Ending, Texts] = {
    Ending.CALLER: {
        "he": "תּוֹדָה שֶׁהִתְקַשַּׁרְתֶּם, לְהִתְרָאוֹת!",
        "en": "Thank you for calling, goodbye!",
    },
    Ending.LOST: _LOST,
    Ending.MACHINE: _LOST,  # it may have been a person after all
    Ending.FULL: {
        "he": "סְלִיחָה, אֵין לִי מוֹעֵד פָּנוּי אַחֵר הַשָּׁבוּעַ. לְהִתְרָאוֹת!",
        "en": "Sorry, I have no other time free this week. Goodbye!",
    },
    Ending.BROKEN: {
        "he": "סְלִיחָה, אִי אֶפְשָׁר לִשְׁמוֹר אֶת הַפְּגִישָׁה כָּעֵת. נַחְזוֹר אֲלֵיכֶם בְּהֶקְדֵּם. לְהִתְרָאוֹת!",
        "en": "Sorry, I cannot save the meeting now. We will call you back soon. Goodbye!",
    },
    Ending.ABUSE: {
        "he": "אֲנִי מְסַיֶּ֫מֶת אֶת הַשִּׂיחָה. לְהִתְרָאוֹת!",
        "en": "I'm ending this call now. Goodbye!",
    },
    Ending.STANDS: {
        "he": "הַפְּגִישָׁה שֶׁנִּקְבְּעָה נִשְׁאֶ֫רֶת. לְשִׁינּוּי אוֹ לְבִיטּוּל, נָא לִפְנוֹת לַמִּשְׂרָד. לְהִתְרָאוֹת!",
        "en": "The meeting stands. To change or cancel it, please contact the office. Goodbye!",
    },
    Ending.SILENT: {
        "he": "לֹא שָׁמַעְתִּי תְּשׁוּבָה. אֶפְשָׁר לְהִתְקַשֵּׁר שׁוּב. לְהִתְרָאוֹת!",
        "en": "I heard no answer. Please call again. Goodbye!",
    },
    Ending.NOISE: {
        "he": "סְלִיחָה, הָרַעַשׁ חָזָק מִדַּי. אֶפְשָׁר לְהִתְקַשֵּׁר שׁוּב. לְהִתְרָאוֹת!",
        "en": "Sorry, the line is too noisy. Please call again. Goodbye!",
    },
    Ending.CALLED: {"he": "תּוֹדָה וּלְהִתְרָאוֹת!", "en": "Thank you, goodbye!"},
    Ending.BAD_TIME: {
        "he": "סְלִיחָה עַל הַהַפְרָעָה. תּוֹדָה וּלְהִתְרָאוֹת!",
        "en": "Sorry to have disturbed you. Thank you, goodbye!",
    },
    Ending.UNWANTED: {
        "he": "סְלִיחָה עַל הַהַפְרָעָה, לֹא נִתְקַשֵּׁר שׁוּב. לְהִתְרָאוֹת!",
        "en": "Sorry to have disturbed you. We won't call again. Goodbye!",
    },
    Ending.TIME: {
        "he": "זְמַן הַשִּׂיחָה נִגְמַר. אֶפְשָׁר לְהִתְקַשֵּׁר שׁוּב. לְהִתְרָאוֹת!",
        "en": "The time for this call is over. Please call again. Goodbye!",
    },
    # No goodbye, and no promise: what comes next is told by the dialplan, or by Twilio.
    Ending.CLOSING: {
        "he": "סְלִיחָה, אֲנִי לֹא יְכוֹלָה לְהַמְשִׁיךְ כָּעֵת.",
        "en": "Sorry, I can't go on just now.",
    },
}
OFFER_PERSON: Texts = {
    "he": "סְלִיחָה, לֹא הֵבַנְתִּי. לְהַעֲבִיר אֶתְכֶם לְנָצִיג שֶׁל הַמִּשְׂרָד?",
    "en": "Sorry, I didn't understand. Shall I put you through to a colleague?",
}
PERSON_KEYS: Texts = {
    "he": "לְנָצִיג הַקִּישׁוּ אַחַת, לְהֶמְשֵׁךְ שְׁתַּ֫יִים.",
    "en": "For a colleague, press one; to go on, two.",
}
HAND_OVER: Texts = {
    "he": "בֶּטַח, אֲנִי מַעֲבִירָה אֶתְכֶם לְנָצִיג שֶׁל הַמִּשְׂרָד.",
    "en": "Of course, I'm putting you through to a colleague.",
}
LEADS: dict[Lead, Texts] = {
    Lead.NO_PERSON: {
        "he": "סְלִיחָה, אִי אֶפְשָׁר לְהַעֲבִיר אֶתְכֶם כָּעֵת.",
        "en": "Sorry, I can't put you through now.",
    },
    Lead.ABUSE: {
        "he": "אֲנִי מְבַקֶּשֶׁת לְדַבֵּר בְּנִימוּס.",
        "en": "Let's keep this polite, please.",
    },
    Lead.DROPPED: {
        "he": "סְלִיחָה עַל הַנִּיתּוּק. נַמְשִׁיךְ:",
        "en": "We got disconnected. Sorry, let's go on:",
    },
    Lead.UNANSWERED: {
        "he": "סְלִיחָה, אֵין מַעֲנֶה. אֶרְשׁוֹם פְּרָטִים לַמִּשְׂרָד:",
        "en": "Sorry, nobody answered. I'll take a message:",
    },
    Lead.STILL_HERE: {"he": "אֲנִי עֲדַ֫יִין כָּאן.", "en": "I'm still here."},
    Lead.NOISE: {
        "he": "יֵשׁ רַעַשׁ עַל הַקַּו, וַאֲנִי לֹא שׁוֹמַ֫עַת.",
        "en": "The line is noisy, I can't hear you.",
    },
    Lead.MONOLOGUE: {"he": "סְלִיחָה שֶׁאֲנִי קוֹטַ֫עַת.", "en": "Sorry to interrupt."},
    Lead.MOVED: {"he": "הֶעֱבַ֫רְנוּ אֶת הַפְּגִישָׁה.", "en": "Your meeting is moved."},
    Lead.CANCELED: {"he": "בִּיטַּ֫לְנוּ אֶת הַפְּגִישָׁה.", "en": "Your meeting is canceled."},
    Lead.FULL: {"he": "אֵין לִי מוֹעֵד פָּנוּי אַחֵר.", "en": "I have no other time free."},
    Lead.LATE: {"he": "נוֹתְרָה לָ֫נוּ דַּקָּה.", "en": "We have one minute left."},
    Lead.UNRECORDED: {
        "he": "אֵין בְּעָיָה, הַשִּׂיחָה לֹא מֻקְלֶ֫טֶת.",
        "en": "All right, this call isn't recorded.",
    },
}
CANCEL_IT: Texts = {
    "he": "לְבַטֵּל אֶת הַפְּגִישָׁה {when}?",
    "en": "Shall I cancel your meeting, {when}?",
}
ANOTHER_TIME: Texts = {"he": "לִקְבּוֹעַ מוֹעֵד אַחֵר?", "en": "Shall I find another time?"}
AUTOMATED: Texts = {"he": "אֲנִי עוֹזֶרֶת אוֹטוֹמָטִית.", "en": "I'm an automated assistant."}
AUTOMATED_IN_SHORT: Texts = {"he": "אֲנִי אוֹטוֹמָטִית.", "en": "I'm automated."}
AUTOMATED_AND_RECORDED: Texts = {
    "he": "אֲנִי אוֹטוֹמָטִית, וְהַשִּׂיחָה מֻקְלֶ֫טֶת.",
    "en": "I'm automated, and we record calls.",
}
RECORDED: Texts = {"he": "הַשִּׂיחָה מֻקְלֶ֫טֶת.", "en": "We record calls."}
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
IN_DAYS: Texts = {"he": "בְּעוֹד {days} יָמִים", "en": "in {days} days"}
ON_DATE: Texts = {"he": "בְּ־{day} {month}", "en": "on the {day} of {month}"}
MONTHS: Lists = {
    "he": (
        "לַחוֹדֶשׁ",
        "בְּיָנוּאָר",
        "בְּפֶבְּרוּאָר",
        "בְּמֶרְץ",
        "בְּאַפְּרִיל",
        "בְּמַאי",
        "בְּיוּנִי",
        "בְּיוּלִי",
        "בְּאוֹגוּסְט",
        "בְּסֶפְּטֶמְבֶּר",
        "בְּאוֹקְטוֹבֶּר",
        "בְּנוֹבֶמְבֶּר",
        "בְּדֶצֶמְבֶּר",
    ),
    "en": (
        "the month",
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ),
}
"""By their numbers; at 0, of a date whose month was not told."""
NEXT_WEEK: Texts = {"he": "בַּשָּׁבוּעַ הַבָּא", "en": "next week"}
AT_CLOCK: Texts = {"he": "בְּשָׁעָה {clock}", "en": "at {clock}"}
ANY_TIME: Texts = {"he": "בְּכׇל זְמַן", "en": "any time"}
PARTS: dict[Part, Texts] = {
    "morning": {"he": "בַּבּוֹקֶר", "en": "in the morning"},
    "noon": {"he": "בַּצׇּהֳרַ֫יִים", "en": "at noon"},
    "afternoon": {"he": "אַחֲרֵי הַצׇּהֳרַ֫יִים", "en": "in the afternoon"},
    "evening": {"he": "בָּעֶרֶב", "en": "in the evening"},
}
TIME_ITEMS: Lists = {
    "he": ("לְבוֹקֶר", "לְאַחַר הַצׇּהֳרַ֫יִים", "לְכׇל שָׁעָה"),
    "en": ("For mornings", "afternoons", "any time"),
}
