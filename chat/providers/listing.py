"""The models that a workspace's clients may name: what its upstreams list, as routes and maps let it through."""

import asyncio

from chat.providers import client
from chat.providers.errors import ProviderError
from chat.providers.routes import NotRouted, NoUpstream, Routing
from chat.providers.upstream import Upstream


async def names(routing: Routing) -> list[str]:
    """All names under which a request would be answered, as far as they are known; sorted."""
    listed = await asyncio.gather(*(_of(upstream) for upstream in routing.upstreams))
    found = {
        name
        for upstream, names in zip(routing.upstreams, listed, strict=True)
        for name in names
        if upstream in _asked(routing, name)
    }
    exact = (pattern for pattern, _ in routing.routes if not set(pattern) & set("*?["))
    return sorted(found.union(name for name in exact if _asked(routing, name)))


async def _of(upstream: Upstream) -> set[str]:
    """Outward names of what an upstream lists, and of what the workspace says of it."""
    try:
        listed = await client.models(upstream)
    except ProviderError:
        listed = []  # many servers have no list
    mapped = set(upstream.names.values())
    own = {upstream.model} if upstream.model else set()
    return {name for name in listed if name not in mapped} | set(upstream.names) | own


def _asked(routing: Routing, name: str) -> tuple[Upstream, ...]:
    try:
        return routing.resolve(name).upstreams
    except (NoUpstream, NotRouted):
        return ()
