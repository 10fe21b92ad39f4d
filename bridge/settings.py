"""All configuration, read once from the environment, or from a file `.env` in the working folder.

The only place that reads the environment. A wrong value, a contradiction, and a variable of ours
that does not exist each give one sentence (`BadSettings`).
"""

import difflib
import itertools
import os
import re
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from bridge.outbound import OutboundRules, read_quiet
from engine.core.rules import Rules
from engine.dialogue.profile import Profile
from engine.profile import ProfileBroken, load_profile, shipped_profile

_OURS = "KAV_"
"""A variable whose name begins like this is meant for us; of others, near misses are."""
_NEAR_MISS = 0.85
Ears = Literal["google", "openai", "local", "none"]
VoiceName = Annotated[str, Field(pattern=r"^[a-z]{2,3}-[A-Z]{2}-.+")]
Mouth = Literal["google", "openai", "local", "espeak"]
_NEAR = ("local", "espeak", "none")
_TransferKey = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
_Label = Annotated[str, Field(pattern=r"^[a-z0-9-]*$")]
_Prefix = Annotated[str, Field(pattern=r"^\+[1-9]\d{0,14}$")]
_LISTS = (
    "kav_audiosocket_allow",
    "kav_recognizer",
    "kav_voice",
    "kav_google_voices",
    "kav_outbound_prefixes",
    "kav_pbx_transfers",
    "kav_twilio_paths",
)
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_TRANSFER = re.compile(rf"([a-z][a-z0-9_-]{{0,31}})=({_E164.pattern})")
OldPath = Annotated[
    str,
    Field(
        pattern=r"^(voice|fallback|call_status|stream_status|stream_ended)=(/[\w.~-]+)+/?$",
    ),
]
_SILENCES = (
    "kav_end_silence_complete_ms",
    "kav_end_silence_ms",
    "kav_end_silence_unfinished_ms",
)


class BadSettings(Exception):
    """The configuration cannot be used; the message says what to change."""


class Settings(BaseSettings):
    """Every setting has the environment name of its field, in capitals."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True)

    barge_in: bool = Field(True, description="The caller may interrupt the agent.")
    barge_in_hold_frames: int = Field(
        4, ge=2, le=25, description="Loud 20 ms frames in a row that hold the agent's speech."
    )
    barge_in_voice_frames: int = Field(
        10, ge=5, le=25, description="Voiced 20 ms frames in a row that make an interruption."
    )
    barge_in_grace_sec: float = Field(
        0.2,
        ge=0.18,
        le=0.25,
        description="Seconds from the start of the agent's audio, as heard, without interruption.",
    )
    min_utt_sec: float = Field(
        1.0, ge=0.3, le=3.0, description="An utterance is not closed earlier than this."
    )
    max_utt_sec: float = Field(
        4.5, ge=2.0, le=15.0, description="A monologue is cut here (at most 0.5 s later)."
    )
    reply_refractory_ms: int = Field(
        1000, ge=0, le=5000, description="No new reply starts this soon after a reply."
    )
    vad_hangover_ms: int = Field(
        200, ge=60, le=1000, description="Tail kept after the last voiced frame."
    )
    vad_base_rms: int = Field(
        45, ge=35, le=60, description="Loudness (RMS of 16-bit samples) that may be a voice."
    )
    vad_calibration_frames: int = Field(
        30, ge=0, le=250, description="Frames of noise calibration when a call starts."
    )
    heartbeat_sec: float = Field(
        18.0, ge=15.0, le=20.0, description="Seconds between keep-alives, logged as WS_KEEPALIVE."
    )
    tts_speaking_rate: float = Field(0.95, ge=0.5, le=2.0, description="Speed of the voice.")
    tts_tail_silence_ms: int = Field(
        200, ge=0, le=2000, description="Silence that ends every reply."
    )
    kav_silence_sec: float = Field(
        8.0,
        ge=0.0,
        le=60.0,
        description="A caller who says nothing for so long is asked whether he is there; the third "
        "time the call ends. 0: never.",
    )
    kav_noise_sec: float = Field(
        20.0,
        ge=5.0,
        le=120.0,
        description="Seconds of sound without words after which it is taken for a noise.",
    )
    kav_noise_cuts: int = Field(
        3, ge=1, le=100, description="Replies in a row that sound without words may interrupt."
    )
    kav_monologue_sec: float = Field(
        60.0, ge=10.0, le=600.0, description="Who talks for so long without a pause is interrupted."
    )
    kav_call_minutes: float = Field(
        20.0, ge=2.0, le=480.0, description="A call ends then; a minute before, the caller is told."
    )
    kav_vad: Literal["auto", "energy", "silero"] = Field(
        "auto",
        description="Tells a voice: `energy` alone, or `silero` confirms it; `auto`: if installed.",
    )
    kav_end_silence_ms: int = Field(
        500, ge=200, le=3000, description="Silence that ends the caller's turn."
    )
    kav_end_silence_complete_ms: int = Field(
        300, ge=100, le=3000, description="The same after a whole short answer («כן»)."
    )
    kav_end_silence_unfinished_ms: int = Field(
        1200, ge=200, le=5000, description="The same after words that something must follow."
    )
    kav_audiosocket_host: str = Field("127.0.0.1", description="Where Asterisk connects to.")
    kav_audiosocket_port: int = Field(9092, ge=0, le=65535, description="Its TCP port.")
    kav_audiosocket_allow: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = Field(
        (ip_network("127.0.0.0/8"), ip_network("::1/128")),
        description="Networks, separated by commas, from which AudioSocket calls are taken.",
    )
    kav_ami_host: str = Field(
        "", description="Asterisk's manager interface (AMI); empty: nobody asks who calls."
    )
    kav_ami_port: int = Field(
        5038, ge=1, le=65535, description="Its TCP port; with TLS often 5039."
    )
    kav_ami_user: str = Field("kav", description="The user of manager.conf.")
    kav_ami_secret: SecretStr | None = Field(None, description="The secret of that user.")
    kav_ami_tls: bool = Field(False, description="Speak TLS to it; the certificate is checked.")
    kav_ami_unencrypted: bool = Field(
        False, description="Not loopback and no TLS all the same: that network is trusted."
    )
    kav_pbx_transfers: Annotated[tuple[_TransferKey, ...], NoDecode] = Field(
        (),
        description="Keys, separated by commas, that the dialplan has in `kav-transfer`: "
        "where callers may be transferred to.",
    )
    kav_pbx_trunk: str = Field(
        "trunk",
        pattern=r"^[A-Za-z0-9_-]{1,40}$",
        description="The PJSIP endpoint by which `kav dial` calls out.",
    )
    kav_http_host: str = Field("127.0.0.1", description="Where Twilio's requests arrive.")
    kav_http_port: int = Field(8080, ge=0, le=65535, description="Its TCP port.")
    kav_public_url: str = Field(
        "", description="The https:// address under which Twilio reaches us, exactly."
    )
    twilio_auth_token: SecretStr | None = Field(
        None, description="Signs Twilio's requests; without it only loopback is served."
    )
    twilio_auth_token_old: SecretStr | None = Field(
        None, description="Is good as well, while TWILIO_AUTH_TOKEN is being changed."
    )
    twilio_account_sid: str = Field(
        "",
        pattern=r"^(AC[0-9a-fA-F]{32})?$",
        description="Twilio's account, `AC…`: only its calls are taken (empty: of any that has the "
        "token); needed to steer calls and to set numbers up.",
    )
    kav_twilio_fallback: SecretStr | None = Field(
        None,
        description="Number (+972...) that Twilio's callers are given to if the bridge fails them.",
    )
    kav_twilio_paths: Annotated[tuple[OldPath, ...], NoDecode] = Field(
        (),
        description="More paths of Twilio's webhooks, as they were: `voice=/webhook/voice`, "
        "`call_status=/old/status`; also `stream_status`, `stream_ended`, `fallback`.",
    )
    kav_transfers: SecretStr | None = Field(
        None,
        description="Whom Twilio's callers can be given to: `sales=+972...,office=+972...`.",
    )
    kav_recognizer: Annotated[tuple[Ears, ...], NoDecode] = Field(
        ("local",),
        description="Ears: `google`, `openai`, `local` (Whisper), `none` (keypad only); "
        "several, in their order, separated by commas.",
    )
    kav_voice: Annotated[tuple[Mouth, ...], NoDecode] = Field(
        ("local",),
        description="Voice: `google`, `openai`, `local` (Piper), `espeak` (espeak-ng); likewise. "
        "The last resort is always local.",
    )
    kav_model: str = Field(
        "",
        description="The model, by OpenAI's API, that helps to understand; empty: rules alone.",
    )
    google_cloud_service_account_json: SecretStr | None = Field(
        None, description="Google's key: the JSON itself, not the name of its file."
    )
    kav_google_speech: Literal["stream", "utterance"] = Field(
        "stream", description="One stream a call, with partial results, or a request an utterance."
    )
    kav_google_speech_version: Literal["v1", "v2"] = Field(
        "v1", description="Of Google's Speech API; Chirp models need `v2`."
    )
    kav_google_speech_model: str = Field("", description="Empty: the version's default.")
    kav_google_languages: Literal["all", "first"] = Field(
        "all", description="Google hears all languages of the profile, or its first one only."
    )
    kav_google_enhanced: bool = Field(
        True, description="v1: the enhanced model, where the language has it."
    )
    kav_google_location: str = Field("global", description="v2: where the model lives.")
    kav_google_voices: Annotated[tuple[VoiceName, ...], NoDecode] = Field(
        ("he-IL-Chirp3-HD-Kore", "en-US-Chirp3-HD-Kore"),
        min_length=1,
        description="A voice for each language, separated by commas.",
    )
    kav_google_speech_endpoint: str = Field(
        "", description="HOST:PORT of a stand-in on this machine (`kav doubles`); not for Google."
    )
    kav_google_voice_endpoint: str = Field("", description="The same of Text-to-Speech.")
    openai_api_key: SecretStr | None = Field(None, description="The key of OpenAI's API.")
    openai_base_url: str = Field(
        "", description="Another server of the same API; empty: OpenAI itself."
    )
    kav_openai_ears: str = Field("gpt-transcribe", description="OpenAI's model for hearing.")
    kav_openai_voice: str = Field(
        "gpt-4o-mini-tts/coral",
        pattern=r"^[^/]+/[^/]+$",
        description="OpenAI's model for speaking, and its voice.",
    )
    kav_first_token_sec: float = Field(
        3.5, ge=0.5, le=4.0, description="A model or voice that takes longer is given up."
    )
    kav_gap_sec: float = Field(
        2.0, ge=0.5, le=4.0, description="The same of a gap in the middle of its answer."
    )
    kav_profile: Path | None = Field(
        None, description="The business profile (YAML); the shipped one if not set."
    )
    kav_data: Path = Field(Path("var"), description="Folder for traces, caches, the database.")
    kav_database: SecretStr | None = Field(
        None,
        description="`sqlite:///FILE`, or `postgresql://USER:PASSWORD@HOST/NAME`; "
        "`kav.sqlite` in KAV_DATA if not set. Each bridge needs its own.",
    )
    kav_webhook_url: SecretStr | None = Field(
        None, description="Meetings, leads and ended calls are told to this https:// address."
    )
    kav_webhook_secret: SecretStr | None = Field(
        None, description="Signs what is told there: `whsec_` and base64 of 24 to 64 bytes."
    )
    kav_caldav_url: str = Field(
        "",
        description="The office's calendar (CalDAV): the https:// address of the calendar itself.",
    )
    kav_caldav_user: str = Field("", description="Its user.")
    kav_caldav_password: SecretStr | None = Field(None, description="The password of that user.")
    kav_invitations: Path | None = Field(
        None, description="Folder for an invitation file (.ics) of each meeting; none if not set."
    )
    twilio_api_key: str = Field(
        "", description="A key of that account, `SK…`; without one TWILIO_AUTH_TOKEN opens it."
    )
    twilio_api_secret: SecretStr | None = Field(None, description="The secret of that key.")
    twilio_region: _Label = Field("", description="Where Twilio keeps the account: `ie1`, `au1`.")
    twilio_edge: _Label = Field("", description="Where its network is entered: `frankfurt`.")
    kav_twilio_endpoint: str = Field(
        "", description="http:// address of a stand-in on this machine; not for Twilio."
    )
    kav_outbound: bool = Field(False, description="The agent may place calls.")
    kav_outbound_prefixes: Annotated[tuple[_Prefix, ...], NoDecode] = Field(
        (), description="Where to, separated by commas: `+9722,+9723`. `+1` is 25 countries."
    )
    kav_outbound_from: str = Field(
        "", pattern=r"^(\+[1-9]\d{6,14})?$", description="The number that those called see."
    )
    kav_outbound_per_hour: int = Field(10, ge=1, description="Calls placed in any hour, at most.")
    kav_outbound_per_day: int = Field(50, ge=1, description="Calls placed in any day, at most.")
    kav_outbound_quiet: str = Field(
        "20:00-09:00, fri 13:00-24:00, sat",
        description="When nobody is called, on the clock of whoever would be; `none`: never quiet.",
    )
    kav_outbound_longest_sec: int = Field(
        900, ge=30, le=7200, description="A call that was placed is ended after this."
    )
    kav_max_calls: int = Field(50, ge=1, le=1000, description="Calls at once; more are refused.")
    kav_trace_text: bool = Field(
        False, description="Write what was said into traces in clear (personal data)."
    )
    kav_log: Literal["auto", "json", "pretty"] = Field(
        "auto", description="Log lines; `auto` is pretty on a terminal, else JSON."
    )
    kav_log_level: Literal["DEBUG", "INFO", "WARNING"] = Field("INFO", description="Least level.")
    kav_drain_sec: float = Field(
        600.0, ge=0, le=7200, description="Told to stop: seconds that live calls may go on."
    )
    kav_tls_cert: Path | None = Field(
        None, description="HTTPS without a proxy: the certificate and its chain (PEM)."
    )
    kav_tls_key: Path | None = Field(
        None, description="Its private key (PEM). SIGHUP reads both anew."
    )
    kav_watchdog_sec: float = Field(
        10.0,
        ge=0,
        le=300,
        description="A process that hangs for so long ends itself, so that Asterisk and Twilio "
        "bring its callers back. 0: never.",
    )
    kav_record: bool = Field(
        False,
        description="Calls are recorded, from when the caller has heard so, unless he does not "
        "want it. Asterisk's need KAV_AMI_HOST, Twilio's TWILIO_ACCOUNT_SID: without it they are "
        "not.",
    )

    @model_validator(mode="before")
    @classmethod
    def _as_written(cls, given: object) -> object:
        """Lists are separated by commas; a variable that is set to nothing is not set."""
        if not isinstance(given, dict):
            return given
        told = {name: value for name, value in given.items() if value != ""}
        for name in _LISTS:
            if isinstance(listed := told.get(name), str):
                told[name] = tuple(part.strip() for part in listed.split(",") if part.strip())
        return told

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.min_utt_sec >= self.max_utt_sec:
            raise ValueError("MIN_UTT_SEC must be less than MAX_UTT_SEC")
        self._turn_taking_agrees()
        self._providers_agree()
        self._office_agrees()
        self._control_agrees()
        self._outbound_agrees()
        self._pbx_agrees()
        if (self.kav_tls_cert is None) != (self.kav_tls_key is None):
            raise ValueError("KAV_TLS_CERT and KAV_TLS_KEY go together: set both")
        self._twilio_agrees()
        self._recording_agrees()
        if not _is_loopback(self.kav_http_host) and self.twilio_auth_token is None:
            raise ValueError(
                "KAV_HTTP_HOST is not loopback, so TWILIO_AUTH_TOKEN is needed: "
                "without it anybody could place calls"
            )
        if self.twilio_auth_token is not None and not self.kav_public_url.startswith("https://"):
            raise ValueError(
                "TWILIO_AUTH_TOKEN is set, so KAV_PUBLIC_URL must be the https:// address that "
                "Twilio calls: its signatures cover it"
            )
        return self

    def _pbx_agrees(self) -> None:
        if not self.kav_ami_host:
            return
        if self.kav_ami_secret is None:
            raise ValueError("KAV_AMI_HOST is set, so KAV_AMI_SECRET is needed")
        safe = _is_loopback(self.kav_ami_host) or self.kav_ami_tls or self.kav_ami_unencrypted
        if not safe:
            raise ValueError(
                "KAV_AMI_HOST is not loopback, so its secret would be sent in clear: "
                "set KAV_AMI_TLS, or KAV_AMI_UNENCRYPTED if that network is trusted"
            )

    def _twilio_agrees(self) -> None:
        if self.twilio_auth_token_old is not None and self.twilio_auth_token is None:
            raise ValueError("TWILIO_AUTH_TOKEN_OLD goes with TWILIO_AUTH_TOKEN, the present one")
        number = self.kav_twilio_fallback
        if number is not None and not _E164.fullmatch(number.get_secret_value()):
            raise ValueError(
                "KAV_TWILIO_FALLBACK must be a whole number with its country: +972..., digits only"
            )
        parts = self._transfer_parts()
        pairs = [_TRANSFER.fullmatch(part) for part in parts]
        if not all(pairs) or len({pair[1] for pair in pairs if pair}) < len(parts):
            raise ValueError(
                "KAV_TRANSFERS must be names and whole numbers, each name once: "
                "sales=+972...,office=+972..."
            )

    def _recording_agrees(self) -> None:
        if not self.kav_record:
            return
        if self.twilio_auth_token is not None and not self.records("twilio"):
            raise ValueError(
                "KAV_RECORD is on, so TWILIO_ACCOUNT_SID is needed: "
                "without it no recording of a call can be begun or ended"
            )
        if not (self.records("audiosocket") or self.records("twilio")):
            raise ValueError(
                "KAV_RECORD is on, so KAV_AMI_HOST (Asterisk), or TWILIO_ACCOUNT_SID with a key or "
                "TWILIO_AUTH_TOKEN (Twilio), is needed: without it nobody can record"
            )

    @property
    def twilio_secret(self) -> SecretStr | None:
        """Opens Twilio's account, with the key or as the account itself."""
        return self.twilio_api_secret or self.twilio_auth_token

    def records(self, line: str) -> bool:
        """Whether the calls of that line are recorded."""
        if line == "audiosocket":
            return self.kav_record and bool(self.kav_ami_host)
        return self.kav_record and bool(self.twilio_account_sid and self.twilio_secret)

    def _transfer_parts(self) -> list[str]:
        told = self.kav_transfers.get_secret_value() if self.kav_transfers else ""
        return [part.strip() for part in told.split(",") if part.strip()]

    def transfers(self) -> dict[str, str]:
        """Whom a caller can be given to: a key and a telephone number."""
        return dict(part.split("=", 1) for part in self._transfer_parts())

    def _office_agrees(self) -> None:
        if (self.kav_webhook_url is None) != (self.kav_webhook_secret is None):
            raise ValueError("KAV_WEBHOOK_URL and KAV_WEBHOOK_SECRET go together: set both")
        calendar = (self.kav_caldav_url, self.kav_caldav_user, self.kav_caldav_password)
        if any(calendar) and not all(calendar):
            raise ValueError(
                "KAV_CALDAV_URL, KAV_CALDAV_USER and KAV_CALDAV_PASSWORD go together: set all three"
            )

    def _control_agrees(self) -> None:
        if bool(self.twilio_api_key) != bool(self.twilio_api_secret):
            raise ValueError("TWILIO_API_KEY and TWILIO_API_SECRET go together: set both")
        # Not a pattern of its field: the message would show what may be the secret.
        if self.twilio_api_key and not re.fullmatch("SK[0-9a-fA-F]{32}", self.twilio_api_key):
            raise ValueError("TWILIO_API_KEY must be SK and 32 hexadecimal digits")
        if not self.kav_twilio_endpoint:
            return
        end = urlsplit(self.kav_twilio_endpoint)
        if end.scheme != "http" or not _is_loopback(end.hostname or ""):
            raise ValueError(
                "KAV_TWILIO_ENDPOINT must be an http:// address on this machine: "
                "what goes there is not encrypted"
            )

    def _outbound_agrees(self) -> None:
        if self.kav_outbound and not (self.kav_outbound_prefixes and self.kav_outbound_from):
            raise ValueError(
                "KAV_OUTBOUND is on, so KAV_OUTBOUND_PREFIXES (where calls may go) and "
                "KAV_OUTBOUND_FROM (your number) are needed"
            )
        try:
            self.outbound_rules()
        except ValueError as error:
            raise ValueError(f"KAV_OUTBOUND_QUIET: {error}") from None

    def _turn_taking_agrees(self) -> None:
        if self.barge_in_hold_frames > self.barge_in_voice_frames:
            raise ValueError("BARGE_IN_HOLD_FRAMES must not be more than BARGE_IN_VOICE_FRAMES")
        silences = ("vad_hangover_ms", *_SILENCES)
        for less, more in itertools.pairwise(silences):
            if getattr(self, less) > getattr(self, more):
                raise ValueError(f"{less.upper()} must not be more than {more.upper()}")
        if self.kav_end_silence_unfinished_ms > 1000 * self.max_utt_sec:
            raise ValueError("KAV_END_SILENCE_UNFINISHED_MS must not be more than MAX_UTT_SEC")

    def _providers_agree(self) -> None:
        _in_order("KAV_RECOGNIZER", self.kav_recognizer)
        _in_order("KAV_VOICE", self.kav_voice)
        ends = {
            "KAV_GOOGLE_SPEECH_ENDPOINT": self.kav_google_speech_endpoint,
            "KAV_GOOGLE_VOICE_ENDPOINT": self.kav_google_voice_endpoint,
        }
        for name, end in ends.items():
            if end and not _is_loopback(end.rpartition(":")[0]):
                raise ValueError(
                    f"{name} must be HOST:PORT on this machine: what goes there is not encrypted"
                )
        real = ("google" in self.kav_recognizer and not self.kav_google_speech_endpoint) or (
            "google" in self.kav_voice and not self.kav_google_voice_endpoint
        )
        if real and not self.google_cloud_service_account_json:
            raise ValueError(
                "KAV_RECOGNIZER or KAV_VOICE names google, so GOOGLE_CLOUD_SERVICE_ACCOUNT_JSON "
                "is needed: the JSON key of a service account"
            )
        wanted = self.kav_model or "openai" in (*self.kav_recognizer, *self.kav_voice)
        if wanted and not (self.openai_api_key or self.openai_base_url):
            raise ValueError(
                "KAV_MODEL, KAV_RECOGNIZER or KAV_VOICE wants OpenAI, so OPENAI_API_KEY is needed "
                "(or OPENAI_BASE_URL, for another server of its API)"
            )

    def database(self) -> str:
        """Its address."""
        if self.kav_database is None:
            return f"sqlite:///{self.kav_data / 'kav.sqlite'}"
        return self.kav_database.get_secret_value()

    def outbound_rules(self) -> OutboundRules:
        quiet = "" if self.kav_outbound_quiet == "none" else self.kav_outbound_quiet
        return OutboundRules(
            enabled=self.kav_outbound,
            prefixes=self.kav_outbound_prefixes,
            per_hour=self.kav_outbound_per_hour,
            per_day=self.kav_outbound_per_day,
            quiet=read_quiet(quiet),
            longest=self.kav_outbound_longest_sec,
        )

    def rules(self) -> Rules:
        return Rules(
            barge_in=self.barge_in,
            barge_in_hold_frames=self.barge_in_hold_frames,
            barge_in_voice_frames=self.barge_in_voice_frames,
            barge_in_grace=self.barge_in_grace_sec,
            min_utterance=self.min_utt_sec,
            max_utterance=self.max_utt_sec,
            refractory=self.reply_refractory_ms / 1000,
            hangover=self.vad_hangover_ms / 1000,
            end_silence=self.kav_end_silence_ms / 1000,
            end_silence_complete=self.kav_end_silence_complete_ms / 1000,
            end_silence_unfinished=self.kav_end_silence_unfinished_ms / 1000,
            vad_base_rms=self.vad_base_rms,
            vad_calibration_frames=self.vad_calibration_frames,
            tail_silence=self.tts_tail_silence_ms / 1000,
            silence=self.kav_silence_sec,
            wordless=self.kav_noise_sec,
            wordless_cuts=self.kav_noise_cuts,
            monologue=self.kav_monologue_sec,
            call_limit=60 * self.kav_call_minutes,
        )


def read_settings() -> Settings:
    """From the process's environment. Raises `BadSettings`."""
    _refuse_unknown({**dotenv_values(".env"), **os.environ})
    try:
        return Settings()
    except ValidationError as error:
        raise BadSettings("; ".join(_sentence(dict(one)) for one in error.errors())) from None


def read_profile(settings: Settings) -> Profile:
    """The business that the bridge answers for. Raises `BadSettings`."""
    try:
        path = settings.kav_profile
        profile = load_profile(path) if path else shipped_profile("shai")
    except ProfileBroken as error:
        raise BadSettings(f"KAV_PROFILE: {error}") from None
    _people_can_be_reached(settings, profile)
    return profile


def _people_can_be_reached(settings: Settings, profile: Profile) -> None:
    for name, used, keys in (
        ("KAV_TRANSFERS", settings.twilio_auth_token is not None, set(settings.transfers())),
        ("KAV_PBX_TRANSFERS", bool(settings.kav_ami_host), set(settings.kav_pbx_transfers)),
    ):
        missing = [person for person in profile.people if person not in keys]
        if used and missing:
            raise BadSettings(
                f"{name} does not have {', '.join(missing)}, whom the profile gives callers to"
            )


def _in_order(name: str, providers: tuple[str, ...]) -> None:
    """Those in the cloud first: a provider on this machine is the last resort."""
    near = [one for one in providers if one in _NEAR]
    if not providers or len(near) > 1 or (near and providers[-1] != near[0]):
        raise ValueError(f"{name} is a list with at most one of {', '.join(_NEAR)}, as its last")
    if len(set(providers)) < len(providers):
        raise ValueError(f"{name} names a provider twice")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _refuse_unknown(environment: Iterable[str]) -> None:
    known = {name.upper() for name in Settings.model_fields}
    for name in sorted(environment):
        if name in known:
            continue
        near = difflib.get_close_matches(name, known, n=1, cutoff=_NEAR_MISS)
        if near:
            raise BadSettings(f"{name} is not a setting of Kav; did you mean {near[0]}?")
        if name.startswith(_OURS):
            raise BadSettings(f"{name} is not a setting of Kav; `kav settings` lists them")


def _sentence(error: dict[str, object]) -> str:
    where = error["loc"]
    reason = str(error["msg"]).removeprefix("Value error, ")
    if not isinstance(where, tuple) or not where:
        return reason
    name = str(where[0]).upper()
    if Settings.model_fields[str(where[0])].annotation == SecretStr | None:
        return f"{name}: {reason}"
    return f"{name} is {error['input']!r}: {reason[0].lower()}{reason[1:]}"
