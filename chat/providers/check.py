"""The "test" button: really ask an upstream for one short answer, and say plainly what happened."""

from dataclasses import dataclass

from chat.providers import client
from chat.providers.errors import ProviderError
from chat.providers.stream import events
from chat.providers.upstream import Upstream


@dataclass(frozen=True)
class CheckResult:
    ok: bool
    sentence: str
    models: tuple[str, ...] = ()


async def try_upstream(upstream: Upstream) -> CheckResult:
    """One request of a few tokens; the models that it lists, where it lists any."""
    model = upstream.model or next(iter(upstream.names), "")
    body = {"model": upstream.named(model), "input": "Say hello.", "store": False, "max_output_tokens": 64}
    text: list[str] = []
    ended = False
    try:
        async for event in events(upstream, body):
            if event["type"] == "response.output_text.delta":
                text.append(str(event.get("delta", "")))
            ended = event["type"] in ("response.completed", "response.incomplete")
            if event["type"] in ("response.failed", "error"):
                return CheckResult(False, "The upstream answered with an error. Check the model's name.")
    except ProviderError as error:
        return CheckResult(False, error.sentence)
    if not ended:
        return CheckResult(False, "The upstream's answer broke off.")
    return CheckResult(
        True, f"It works. The model said: {' '.join(''.join(text).split())[:120]}", await _models(upstream)
    )


async def _models(upstream: Upstream) -> tuple[str, ...]:
    try:
        return tuple(await client.models(upstream))[:200]
    except ProviderError:
        return ()  # many servers list none
