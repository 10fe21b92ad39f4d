"""Does a machine answer, that takes messages? Told by the words of its greeting, in Hebrew and
English, as recognizers write them. Pure; its tables are in the tests."""

from engine.core.cues.words import anywhere, phrases, words_of

_GREETINGS = phrases(
    "אחרי הצפצוף | לאחר הצפצוף | אחרי הביפ | לאחר הביפ | לאחר הצליל | אחרי הצליל | להשאיר הודעה"
    " | להשאיר לי הודעה | להשאיר לנו הודעה | השאירו הודעה | השאירו לי הודעה | השאר הודעה"
    " | תשאירו הודעה | תשאירו לי הודעה | השאירו את הודעתכם | השאר את הודעתך | הגעתם לתא הקולי"
    " | תא קולי | התא הקולי | לתא הקולי | המזכירה האלקטרונית | משיבון | המנוי אינו זמין"
    " | after the tone | after the beep | at the tone | at the beep | leave a message"
    " | leave me a message | leave us a message | leave your message | leave your name"
    " | record your message | your message after | voicemail | voice mail | answering machine"
    " | mailbox | cant take your call"
    " | cant come to the phone | cannot take your call | unable to take your call"
)


def takes_messages(words: str) -> bool:
    return anywhere(words_of(words), _GREETINGS)
