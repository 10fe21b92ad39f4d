"""Google's Text-to-Speech as a voice: Chirp 3 HD as a stream, the older voices a sentence at once,
with the times of their words where Google tells them."""

from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from itertools import pairwise
from xml.sax.saxutils import escape

import grpc
from google.api_core.exceptions import GoogleAPICallError
from google.auth.credentials import Credentials
from google.auth.exceptions import GoogleAuthError
from google.cloud import texttospeech_v1 as v1
from google.cloud import texttospeech_v1beta1 as v1beta1
from google.cloud.texttospeech_v1.services.text_to_speech.transports import (
    TextToSpeechGrpcAsyncIOTransport as Transport,
)
from google.cloud.texttospeech_v1beta1.services.text_to_speech.transports import (
    TextToSpeechGrpcAsyncIOTransport as BetaTransport,
)

from engine.core.audio import RATE, seconds
from engine.core.events import Word
from engine.ports import OverQuota, ProviderFailed, Speech
from engine.providers.hebrew_sounds import is_hebrew
from engine.providers.repertoire import Progress, Render, Repertoire, readable
from engine.providers.shelf import Shelf
from engine.providers.wav import WholeSamples
from engine.providers.word_clock import estimate

WHO = "Google's voice"
_HOST = "texttospeech.googleapis.com"
_LIMIT = 30.0
"""Seconds until Google is given up. Who waits for less closes the generator."""
_TELEPHONE = "telephony-class-application"
_MARKED = ("Standard", "Wavenet", "Neural2")
"""The kinds of voices that tell the times of marks."""
# Without it, a channel that could not connect tries again after up to two minutes.
_CHANNEL = [("grpc.max_reconnect_backoff_ms", 5000)]
_MEANINGS = {
    grpc.StatusCode.UNAUTHENTICATED: "the credentials are refused",
    grpc.StatusCode.PERMISSION_DENIED: "the account may not use it, or the API is not enabled",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "the quota is used up",
    grpc.StatusCode.INVALID_ARGUMENT: "the request is refused: is the voice's name right?",
    grpc.StatusCode.UNAVAILABLE: "it cannot be reached",
    grpc.StatusCode.DEADLINE_EXCEEDED: "no answer in time",
}


class GoogleVoice:
    """Keeps the port `Voice`. To be made on the event loop.

    `voices` are names like he-IL-Chirp3-HD-Kore: the first one speaks, except that Hebrew text
    goes to the first Hebrew one and other text to the first that is not. `endpoint`: a local
    stand-in, in plaintext, instead of Google itself."""

    def __init__(
        self,
        shelf: Shelf,
        *,
        voices: Sequence[str],
        rate: float,
        credentials: Credentials | None,
        endpoint: str = "",
    ) -> None:
        self._voices = tuple(voices)
        self._rate = rate
        self._channel = _open(credentials, endpoint)
        self._client = v1.TextToSpeechAsyncClient(transport=Transport(channel=self._channel))
        beta = BetaTransport(channel=self._channel)
        self._beta = v1beta1.TextToSpeechAsyncClient(transport=beta)
        self._repertoires = {
            name: Repertoire(
                shelf, self._render(name), who=WHO, engine=f"google 1 {name} {rate:.3f}"
            )
            for name in self._voices
        }

    def speak(self, text: str) -> AsyncGenerator[Speech]:
        return self._repertoires[self._voice(text)].speak(text)

    async def prepare(self, texts: Iterable[str], progress: Progress = lambda _: None) -> None:
        """Makes what is not kept yet, when nobody waits for speech. Raises `ProviderFailed`."""
        texts = list(texts)
        for name, repertoire in self._repertoires.items():
            await repertoire.prepare([t for t in texts if self._voice(t) == name], progress)

    async def probe(self) -> None:
        """Asks Google for its voices: raises `ProviderFailed` if ours are not among them."""
        for name in self._voices:
            with _failures():
                request = v1.ListVoicesRequest(language_code=_language(name))
                listed = await self._client.list_voices(request, timeout=_LIMIT)
            known = [voice.name for voice in listed.voices]
            if name not in known:
                some = ", ".join(sorted(known)[:5]) or "none"
                raise ProviderFailed(f"{WHO} {name} does not exist; there are {some}, …")

    async def warm(self) -> None:
        """Connection and token are there; whether that worked is found out when it is needed."""
        with suppress(ProviderFailed):
            await self.probe()

    async def close(self) -> None:
        await self._channel.close()

    def _voice(self, text: str) -> str:
        hebrew = is_hebrew(text)
        own = (name for name in self._voices if name.startswith("he-") == hebrew)
        return next(own, self._voices[0])

    def _render(self, name: str) -> Render:
        if "Chirp3-HD" in name:
            return partial(self._streamed, name)
        marked = any(kind in name for kind in _MARKED)
        return partial(self._marked if marked else self._at_once, name)

    async def _streamed(self, name: str, text: str) -> AsyncGenerator[Speech]:
        samples = WholeSamples(RATE)
        requests = _requests(name, self._rate, text)
        with _failures():
            stream = await self._client.streaming_synthesize(requests, timeout=_LIMIT)
            try:
                async for response in stream:
                    yield Speech(samples.feed(response.audio_content))
            finally:
                stream.cancel()  # type: ignore[attr-defined]  # typed as what it is iterated by
        yield Speech(samples.end())

    async def _at_once(self, name: str, text: str) -> AsyncGenerator[Speech]:
        request = v1.SynthesizeSpeechRequest(
            input=v1.SynthesisInput(text=readable(text)),
            voice=v1.VoiceSelectionParams(language_code=_language(name), name=name),
            audio_config=v1.AudioConfig(
                audio_encoding=v1.AudioEncoding.LINEAR16,
                sample_rate_hertz=RATE,
                speaking_rate=self._rate,
                effects_profile_id=[_TELEPHONE],
            ),
        )
        with _failures():
            response = await self._client.synthesize_speech(request, timeout=_LIMIT)
        pcm = _sound(response.audio_content)
        yield Speech(pcm, estimate(text, pcm))

    async def _marked(self, name: str, text: str) -> AsyncGenerator[Speech]:
        """As above, with a mark before each word and the times of the marks."""
        request = v1beta1.SynthesizeSpeechRequest(
            input=v1beta1.SynthesisInput(ssml=_ssml(text)),
            voice=v1beta1.VoiceSelectionParams(language_code=_language(name), name=name),
            audio_config=v1beta1.AudioConfig(
                audio_encoding=v1beta1.AudioEncoding.LINEAR16,
                sample_rate_hertz=RATE,
                speaking_rate=self._rate,
                effects_profile_id=[_TELEPHONE],
            ),
            enable_time_pointing=[v1beta1.SynthesizeSpeechRequest.TimepointType.SSML_MARK],
        )
        with _failures():
            response = await self._beta.synthesize_speech(request, timeout=_LIMIT)
        pcm = _sound(response.audio_content)
        times = {point.mark_name: point.time_seconds for point in response.timepoints}
        yield Speech(pcm, _words(text, times, seconds(pcm)) or estimate(text, pcm))


async def _requests(
    name: str, rate: float, text: str
) -> AsyncGenerator[v1.StreamingSynthesizeRequest]:
    """The stream is then half-closed: Google breaks off one that is silent for 5 s."""
    config = v1.StreamingSynthesizeConfig(
        voice=v1.VoiceSelectionParams(language_code=_language(name), name=name),
        streaming_audio_config=v1.StreamingAudioConfig(
            audio_encoding=v1.AudioEncoding.PCM, sample_rate_hertz=RATE, speaking_rate=rate
        ),
    )
    yield v1.StreamingSynthesizeRequest(streaming_config=config)
    said = v1.StreamingSynthesisInput(text=readable(text))
    yield v1.StreamingSynthesizeRequest(input=said)


def _open(credentials: Credentials | None, endpoint: str) -> grpc.aio.Channel:
    if endpoint:
        return grpc.aio.insecure_channel(endpoint, options=_CHANNEL)
    if credentials is None:
        raise ProviderFailed(f"{WHO}: there are no credentials")
    return Transport.create_channel(_HOST, credentials=credentials, options=_CHANNEL)


def _language(name: str) -> str:
    """he-IL of he-IL-Chirp3-HD-Kore."""
    return "-".join(name.split("-")[:2])


def _ssml(text: str) -> str:
    words = enumerate(readable(text).split())
    marked = (f'<mark name="{number}"/>{escape(word)}' for number, word in words)
    return f"<speak>{' '.join(marked)}</speak>"


def _words(text: str, times: dict[str, float], length: float) -> tuple[Word, ...]:
    """None, unless Google told the time of each, and in order."""
    words = text.split()
    begins = [times.get(str(number), -1.0) for number in range(len(words))]
    if any(a > b for a, b in pairwise([0.0, *begins, length])):
        return ()
    return tuple(Word(word, round(at, 3)) for word, at in zip(words, begins, strict=True))


def _sound(content: bytes) -> bytes:
    samples = WholeSamples(RATE)
    return samples.feed(content) + samples.end()


@contextmanager
def _failures() -> Iterator[None]:
    """Whatever goes wrong with Google inside is `ProviderFailed`."""
    try:
        yield
    except GoogleAPICallError as error:
        code = error.grpc_status_code or grpc.StatusCode.UNKNOWN
        kind = OverQuota if code is grpc.StatusCode.RESOURCE_EXHAUSTED else ProviderFailed
        reason = _MEANINGS.get(code, f"the request failed ({code.name})")
    except GoogleAuthError as error:
        kind, reason = ProviderFailed, f"no token could be had ({type(error).__name__})"
    else:
        return
    # Not "from error": its text may quote what we asked.
    raise kind(f"{WHO}: {reason}") from None
