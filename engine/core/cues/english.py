"""English words that tell about the turn, without apostrophes, as recognizers write them."""

from engine.core.cues.words import Language, Words, phrases, words_of

_ZERO_TO_NINE = words_of("zero one two three four five six seven eight nine")
_TEN_UP = words_of(
    "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
)
_TENS = words_of("twenty thirty forty fifty sixty seventy eighty ninety")


def _digits() -> dict[Words, str]:
    found: dict[Words, str] = {(word,): str(digit) for digit, word in enumerate(_ZERO_TO_NINE)}
    found |= {("oh",): "0", ("o",): "0"}
    found |= {(word,): str(number) for number, word in enumerate(_TEN_UP, 10)}
    for ten, word in enumerate(_TENS, 2):
        found[word,] = f"{ten}0"
        units = enumerate(_ZERO_TO_NINE[1:], 1)
        found |= {(word, unit): f"{ten}{digit}" for digit, unit in units}
    return found


LANGUAGE = Language(
    stop=phrases(
        "wait | but wait | hold on | hang on | hold it | stop | one moment | one second | one sec"
        " | one minute | a moment | a second | a sec | a minute | just a moment | just a second"
        " | just a sec | just a minute | just one moment | just one second | just one sec"
        " | just one minute | give me a moment | give me a second | give me a sec"
        " | give me a minute | excuse me | sorry | im sorry | pardon | enough | listen | quiet"
        " | whoa"
    ),
    company=phrases(
        "mm | mhm | mmhm | mmhmm | mhmm | mm hm | mm hmm | m hm | m hmm | uh huh | uhhuh | um hum"
        " | ah | aha | ah ha | oh | ooh | wow | yeah | yea | yah | ya | yep | yup | yes | ok | o k"
        " | okay | okey | kay | alright | all right | right | thats right | correct | true"
        " | exactly | i see | i understand | understood | got it | i got it | gotcha | makes sense"
        " | sure | sure thing | of course | fine | good | very good | sounds good | great | perfect"
        " | nice | very nice | cool | lovely | wonderful | excellent | interesting | indeed"
        " | absolutely | definitely | go on | go ahead | im listening"
    ),
    hesitation=phrases("uh | um | umm | uhm | er | err | erm | eh | ah | hm | hmm | uhh"),
    yes_no=phrases(
        "yes | no | yeah | yea | yep | yup | nope | nah | not really | of course | of course not"
        " | sure | thats right | thats wrong | not right | thats not right | correct"
        " | thats correct | exactly | absolutely | absolutely not | definitely | definitely not"
        " | yes i do | yes i am | yes it is | no i dont | no im not | no it isnt | no its not"
        " | none of them | none of those | neither | none | i think so | i dont think so"
    ),
    settled=phrases(
        "bye | goodbye | good bye | good night | see you | see you later | see you then | take care"
        " | have a nice day | have a good day | have a great day | you too | thats all | thats it"
        " | that is all | thats everything | nothing else | wrong number | not interested"
        " | im not interested | thanks | thank you | thank you very much | thank you so much"
        " | thanks a lot | it doesnt matter | doesnt matter | no matter | no preference | no limit"
        " | i dont mind | i dont care | whatever | anytime | any time | whenever | anywhere"
    ),
    courtesy=phrases("please | thanks | thank you | thank you very much | thanks a lot"),
    dangling=phrases(
        "and | but | or | because | cause | so | if | while | than | which | whose | the | a | an"
        " | my | your | our | their | his | in | on | at | to | of | for | with | from | by | about"
        " | around | near | between | into | under | over | above | below | within | without"
        " | until | till | like | as | is | are | i am | im | i | we | id | ive | were | want"
        " | need | wanna | looking | maybe | probably | actually | basically | well | you know"
        " | i mean | say | not | very | at least | at most | every | some | next | per | also"
        " | plus | roughly | approximately | maximum"
    ),
    finished=phrases(
        "think so | hope so | guess so | believe so | as well | very well | why not | course not"
        " | maybe not | probably not | rather not | certainly not | absolutely not | definitely not"
        " | yes i am | it is | no im not | no its not | there is | there are | what i want"
        " | what i need | all i need | all i want | what im looking for | what i am looking for"
    ),
    amounts=phrases(
        "thousand | thousands | grand | k | million | millions | mil | m | shekel | shekels | nis"
        " | ils | dollar | dollars | bucks | euro | euros | room | rooms | bedroom | bedrooms"
    ),
    remainders=phrases("hundred | half | quarter"),
    tails=phrases(
        "or so | tops | max | maximum | at most | at least | give or take | roughly | approximately"
        " | about | around | or less | a month | per month | monthly"
    ),
    choices=phrases(
        "am | pm | oclock | first | second | third | fourth | last | works | works for me | fine"
        " | is good | is okay | is ok | suits me | sounds good | something else | another one"
        " | another time | none of them | none"
    ),
    hours=phrases(
        "morning | the morning | mornings | noon | midday | afternoon | the afternoon | afternoons"
        " | evening | the evening | evenings | am | pm | oclock | as soon as possible"
    ),
    digits=_digits(),
)
