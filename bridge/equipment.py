"""What the calls of a process share, made of its settings: ears, voice, brain.

Each role has an ordered list of providers; the last resort is always local. Cloud providers are
imported only when they are chosen, and fetched by `tools/setup cloud`."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Protocol
from zoneinfo import ZoneInfo

from bridge.office import Office
from bridge.settings import BadSettings, Settings
from bridge.switchboard import Equipment
from engine import clips
from engine.core.rules import Rules
from engine.dialogue.expected import hints
from engine.dialogue.profile import Language, Profile
from engine.ports import (
    Brain,
    CallFacts,
    Journal,
    Model,
    ProviderFailed,
    Recognizer,
    SpeechDetector,
    Voice,
)
from engine.providers import local, silero
from engine.providers.breaker import Breaker
from engine.providers.deaf import Deaf
from engine.providers.guarded_model import SLOW, GuardedModel
from engine.providers.ladder import CallVoice, Ladder, LadderRecognizer, LadderVoice, Rung
from engine.providers.shelf import Shelf
from engine.receptionist import Receptionist, spoken_forms
from engine.store import Calendar

if TYPE_CHECKING:
    from openai import AsyncOpenAI

    from engine.providers.google_credentials import GoogleAccount

PROGRESS_SECONDS = 5.0
Tell = Callable[[str], None]


class Afar(Protocol):
    """What every provider in the cloud has besides the port of its role."""

    async def probe(self) -> None:
        """One cheap real request. Raises `ProviderFailed`."""
        ...

    async def warm(self) -> None: ...


class FarVoice(Voice, Afar, Protocol):
    async def prepare(self, texts: Sequence[str], progress: Tell = ...) -> None: ...


class FarEars(Recognizer, Afar, Protocol): ...


@dataclass(frozen=True, slots=True)
class Cloud:
    """The providers that are not on this machine, in their order, by their names."""

    ears: dict[str, FarEars] = field(default_factory=dict)
    voices: dict[str, FarVoice] = field(default_factory=dict)
    model: Model | None = None

    @property
    def all(self) -> dict[str, Afar]:
        """By what they are called on the terminal."""
        named: dict[str, Afar] = {f"recognizer {name}": one for name, one in self.ears.items()}
        named |= {f"voice {name}": one for name, one in self.voices.items()}
        return named | ({"model openai": self.model} if self.model else {})


@asynccontextmanager
async def cloud(settings: Settings, profile: Profile) -> AsyncGenerator[Cloud]:
    """Connects nowhere yet. Raises `BadSettings`."""
    async with AsyncExitStack() as stack:
        try:
            made = _cloud(settings, profile, stack)
        except ImportError as missing:
            raise BadSettings(
                f"a provider in the cloud is asked for, but {missing.name} is not installed: "
                "run tools/setup cloud, or pip install kav[cloud]"
            ) from None
        yield made


def _cloud(settings: Settings, profile: Profile, stack: AsyncExitStack) -> Cloud:
    openai = cache(lambda: _openai(settings, stack))  # one client: its connections are shared
    account = cache(lambda: _google_account(settings))  # its key is read once, for both roles
    made = Cloud(model=_model(settings, openai()) if settings.kav_model else None)
    for name in settings.kav_recognizer:
        if name == "google":
            made.ears[name] = _google_ears(settings, profile, account(), stack)
        elif name == "openai":
            made.ears[name] = _openai_ears(settings, profile, openai())
    simulated = settings.kav_google_voice_endpoint or settings.openai_base_url
    # What a stand-in said must never be taken for the real voice's.
    shelf = Shelf(settings.kav_data / "cache" / ("stand-ins" if simulated else "speech"))
    for voice in settings.kav_voice:
        if voice == "google":
            made.voices[voice] = _google_voice(settings, shelf, account(), stack)
        elif voice == "openai":
            made.voices[voice] = _openai_voice(settings, shelf, openai())
    return made


def _google_account(settings: Settings) -> "GoogleAccount":
    from engine.providers.google_credentials import (
        BadCredentials,
        GoogleAccount,
        read_credentials,
    )

    secret = settings.google_cloud_service_account_json
    if secret is None:
        return GoogleAccount("stand-in", None)  # the settings have seen to it that it is enough
    try:
        return read_credentials(secret.get_secret_value())
    except BadCredentials as why:
        raise BadSettings(str(why)) from None


def _google_ears(
    settings: Settings, profile: Profile, account: "GoogleAccount", stack: AsyncExitStack
) -> FarEars:
    from engine.providers.google_ears import (
        GoogleStreamingEars,
        GoogleUtteranceEars,
        Version,
        Wanted,
    )

    wanted = Wanted(
        language=profile.languages[0],
        also=profile.languages[1:] if settings.kav_google_languages == "all" else (),
        model=settings.kav_google_speech_model,
        enhanced=settings.kav_google_enhanced,
        hints=tuple(hints(profile)),
        location=settings.kav_google_location,
        version=Version(settings.kav_google_speech_version),
    )
    kind = GoogleStreamingEars if settings.kav_google_speech == "stream" else GoogleUtteranceEars
    endpoint = settings.kav_google_speech_endpoint
    ears = kind(account, wanted, endpoint=endpoint)
    stack.push_async_callback(ears.close)
    return ears


def _google_voice(
    settings: Settings, shelf: Shelf, account: "GoogleAccount", stack: AsyncExitStack
) -> FarVoice:
    from engine.providers.google_voice import GoogleVoice

    voice = GoogleVoice(
        shelf,
        voices=settings.kav_google_voices,
        rate=settings.tts_speaking_rate,
        credentials=account.credentials,
        endpoint=settings.kav_google_voice_endpoint,
    )
    stack.push_async_callback(voice.close)
    return voice


def _openai(settings: Settings, stack: AsyncExitStack) -> "AsyncOpenAI":
    from engine.providers.openai_client import client

    key = settings.openai_api_key
    service = client(settings.openai_base_url or None, key.get_secret_value() if key else "none")
    stack.push_async_callback(service.close)
    return service


def _openai_ears(settings: Settings, profile: Profile, service: "AsyncOpenAI") -> FarEars:
    from engine.providers.openai_ears import OpenAIRecognizer

    return OpenAIRecognizer(service, model=settings.kav_openai_ears, languages=profile.languages)


def _openai_voice(settings: Settings, shelf: Shelf, service: "AsyncOpenAI") -> FarVoice:
    from engine.providers.openai_voice import OpenAIVoice

    model, _, voice = settings.kav_openai_voice.partition("/")
    rate = settings.tts_speaking_rate
    return OpenAIVoice(service, shelf, model=model, voice=voice, rate=rate)


def _model(settings: Settings, service: "AsyncOpenAI") -> Model:
    from engine.providers.openai_model import OpenAIModel

    return OpenAIModel(
        service,
        settings.kav_model,
        first_token=settings.kav_first_token_sec,
        gap=settings.kav_gap_sec,
    )


async def equip(
    settings: Settings,
    profile: Profile,
    speech: Awaitable[local.Local],
    office: Office,
    stack: AsyncExitStack,
    tell: Tell,
) -> Equipment:
    """With what is missing told; phrases are rendered beside the calls. Raises `BadSettings`."""
    far = await stack.enter_async_context(cloud(settings, profile))
    detector = _detector(settings, tell)
    near, near_voice = await _near(settings, profile, speech, tell)
    ears = _ears(far, near)
    voice = _voice(settings, far, near_voice)
    model = Ladder("model", [Rung("openai", far.model, far.model.warm)] if far.model else [])
    for ladder in (ears, voice, model):
        stack.push_async_callback(ladder.close)
    rules = rules_for(settings, profile)
    kept = await clips.record(near_voice, profile.languages[0], person=bool(rules.way_out))
    voices: dict[str, FarVoice | local.LocalVoice] = {**far.voices, "local": near_voice}
    for name, one in voices.items():
        preparing = asyncio.create_task(_prepare(one, name, profile, tell))
        stack.callback(preparing.cancel)
    keypad = near.recognizer is None and not far.ears

    def warm() -> None:
        for ladder in (ears, voice, model):
            ladder.warm()

    return Equipment(
        rules,
        open_recognizer=ears.open,
        open_voice=voice.open,
        new_brain=_receptionists(settings, profile, office.calendar, far.model, keypad=keypad),
        open_journal=office.open_record,
        new_detector=detector,
        clips=lambda clip: kept.get(clip, b""),
        warm=warm,
    )


def rules_for(settings: Settings, profile: Profile) -> Rules:
    """A caller who can't be answered is given to the usual person, where there is one."""
    return replace(settings.rules(), way_out="".join(profile.people[:1]))


def _receptionists(
    settings: Settings,
    profile: Profile,
    calendar: Calendar,
    model: Model | None,
    *,
    keypad: bool,
) -> Callable[[CallFacts, Voice, Journal], Brain]:
    """One for each call; they share the model, and what is known of its health."""
    zone = ZoneInfo(profile.timezone)
    patience, gap = settings.kav_first_token_sec, settings.kav_gap_sec
    slow = min(SLOW, 0.9 * patience, 0.9 * gap)
    guarded = GuardedModel(model, Breaker(), slow=slow) if model else None

    def new_brain(facts: CallFacts, voice: Voice, journal: Journal) -> Brain:
        def wording() -> tuple[Language, ...]:
            """Hebrew without points, as a model writes it, is read by voices in the cloud only."""
            near = isinstance(voice, CallVoice) and voice.is_last_resort
            return ("en",) if near else ("he", "en")

        return Receptionist(
            profile,
            calendar,
            lambda: datetime.now(zone),
            keypad=keypad,
            caller=facts.caller,
            outbound=facts.outbound,
            call=facts.id,
            journal=journal,
            model=guarded,
            wording=wording,
            patience=patience,
            gap=gap,
            recorded=settings.records(facts.line),
        )

    return new_brain


async def _near(
    settings: Settings, profile: Profile, speech: Awaitable[local.Local], tell: Tell
) -> tuple[local.Local, local.LocalVoice]:
    near = await speech
    for sentence in near.missing:
        tell(f"Missing: {sentence}")
    if near.voice is None:
        raise BadSettings("there is no voice at all: apt-get install espeak-ng, or `make run`")
    if near.recognizer is not None and settings.kav_recognizer == ("local",):
        tell(_language_note(profile))
    return near, near.voice


def _ears(far: Cloud, near: local.Local) -> LadderRecognizer:
    rungs = [Rung[Recognizer](name, one, one.warm) for name, one in far.ears.items()]
    last = near.recognizer or Deaf()
    return LadderRecognizer([*rungs, Rung("local" if near.recognizer else "keypad", last)])


def _voice(settings: Settings, far: Cloud, near: Voice) -> LadderVoice:
    rungs = [Rung[Voice](name, one, one.warm) for name, one in far.voices.items()]
    return LadderVoice(
        [*rungs, Rung("local", near)],
        first=settings.kav_first_token_sec,
        gap=settings.kav_gap_sec,
    )


def _detector(settings: Settings, tell: Tell) -> Callable[[], SpeechDetector] | None:
    """Silero, if it is wanted and there; loaded before the first call."""
    if settings.kav_vad == "energy":
        return None
    if not silero.installed():
        if settings.kav_vad == "silero":
            raise BadSettings("KAV_VAD is silero, which is not installed: run tools/setup")
        tell("Missing: Silero. Loudness alone tells a voice: coughs may interrupt the agent.")
        return None
    silero.open_detector()
    return silero.open_detector


async def _prepare(
    voice: FarVoice | local.LocalVoice, name: str, profile: Profile, tell: Tell
) -> None:
    phrases = "Phrases" if name == "local" else f"Phrases ({name})"
    loop = asyncio.get_running_loop()
    told = loop.time()

    def now_and_then(progress: str) -> None:
        nonlocal told
        if loop.time() - told >= PROGRESS_SECONDS:
            told = loop.time()
            tell(progress)

    try:
        await voice.prepare(spoken_forms(profile), now_and_then)
    except ProviderFailed as error:
        tell(f"{phrases} are made when they are needed: {error}")
    else:
        tell(f"{phrases}: all that never change are ready.")


def _language_note(profile: Profile) -> str:
    if "he" not in profile.languages:
        return "English is understood freely."
    return (
        "English is understood freely. Hebrew is understood as far as local models go: answers to "
        "the questions asked, with the profile's words; free Hebrew comes with a cloud recognizer."
    )
