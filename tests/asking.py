"""Asking upstreams in the test's own process: what came of it, as the engine would have it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from chat.providers import client, fallback, health
from chat.providers.errors import ProviderError
from chat.providers.upstream import Timeouts, Upstream
from deny_web import valkey

KEY = "sk-planted-7f3a9c41e2"


def at(url: str, name: str = "one", **changes: Any) -> Upstream:
    """An upstream that the operator typed; its settings are new to every test that names another `name`."""
    given: dict[str, Any] = {"model": "m", "key": KEY, "trusted": True, "identity": (name, url), "origin": name}
    return Upstream(name=name, base_url=url, **{**given, **changes})


@asynccontextmanager
async def connections() -> AsyncIterator[None]:
    """What was opened meanwhile is closed, and no health is remembered from before or kept for the next."""
    health.forget()
    try:
        yield
    finally:
        await health.settled()
        health.forget()
        await client.close()
        await valkey.aio().aclose()


async def said(*upstreams: Upstream, **body: Any) -> tuple[str, list[str]]:
    """The whole text, and the names of the upstreams that were asked. Raises ProviderError."""
    asked: list[str] = []

    async def body_for(upstream: Upstream) -> dict[str, Any]:
        asked.append(upstream.name)
        return {"model": upstream.named("m"), "input": "hi", **body}

    text = ""
    async for batch in await fallback.opened(upstreams, body_for):
        for event in batch:
            if event["type"] == "response.output_text.delta":
                text += event["delta"]
    return text, asked


async def refused(*upstreams: Upstream) -> ProviderError:
    """The error that asking ends with."""
    try:
        await said(*upstreams)
    except ProviderError as error:
        return error
    raise AssertionError("an upstream answered")


def short(**changes: float | None) -> Timeouts:
    """Timeouts for a test."""
    given: dict[str, Any] = {"connect": 5.0, "first_byte": 5.0, "gap": 5.0, "whole": None, **changes}
    return Timeouts(**given)
