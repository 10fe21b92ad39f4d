"""The client of OpenAI's API, or of a server that speaks it, as calls need it: connections are
kept open between turns, nothing is waited for long, and nothing is tried again behind our back.

A failure is one sentence; it never has the service's own, which may quote the key or the caller."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache

import httpx2
import openai
from openai import AsyncOpenAI

from engine.ports import OverQuota, ProviderFailed

_OPENAI = "https://api.openai.com/v1"
_TIMES = httpx2.Timeout(connect=1.5, read=5.0, write=5.0, pool=1.5)
_KEPT = httpx2.Limits(max_connections=500, max_keepalive_connections=100, keepalive_expiry=150.0)
_MEANINGS = {
    401: "the key is refused (401)",
    403: "the key may not use this (403)",
    404: "the model or the address is unknown (404)",
    429: "the limit of requests, or what was paid for, is used up (429)",
}


def client(base_url: str | None, key: str) -> AsyncOpenAI:
    """`base_url` `None`: OpenAI itself. A local server may not care what `key` is. Who calls this
    closes it: `await client.close()`."""
    return AsyncOpenAI(
        api_key=key.strip(),  # of a file, it may end in a new line: no header can
        base_url=base_url or _OPENAI,
        max_retries=0,
        timeout=_TIMES,
        http_client=httpx2.AsyncClient(
            verify=_certificates(), timeout=_TIMES, limits=_KEPT, follow_redirects=True
        ),
    )


@contextmanager
def failures(who: str) -> Iterator[None]:
    """Whatever goes wrong with the service inside is `ProviderFailed`, beginning with `who`."""
    try:
        yield
    except (openai.OpenAIError, httpx2.HTTPError, ValueError) as error:
        kind = OverQuota if isinstance(error, openai.RateLimitError) else ProviderFailed
        # Not "from error": its text would be in the log.
        raise kind(f"{who}: {_reason(error)}") from None


async def probe(service: AsyncOpenAI, who: str) -> None:
    """Asks for the list of models: it costs nothing, and tells whether the key is good."""
    with failures(who):
        await service.models.list()


async def warm(service: AsyncOpenAI) -> None:
    """Opens a connection, if none is open; whether it works is found out when it is needed."""
    with suppress(ProviderFailed):
        await probe(service, "")


@cache
def _certificates() -> ssl.SSLContext:
    """Read once: it takes a fifth of a second."""
    return httpx2.create_ssl_context()


def _reason(error: Exception) -> str:
    match error:
        case openai.APIStatusError(status_code=status):
            return _MEANINGS.get(status, f"the request failed (status {status})")
        case openai.APITimeoutError() | httpx2.TimeoutException():
            return "no answer in time"
        case openai.APIConnectionError() | httpx2.TransportError():
            return "the connection failed, or broke off"
        case openai.APIError():
            return "the service reported an error in the middle of its answer"
    return f"the answer is not what was agreed ({type(error).__name__})"
