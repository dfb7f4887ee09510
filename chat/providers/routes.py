"""Which upstreams answer for a model's name, in which order: a workspace's routes, resolved without the database."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chat.providers.upstream import Upstream

MAX_NAME = 200  # of a model, as clients write it
_PLANS_KEPT = 256  # clients make the names up


class NoUpstream(Exception):
    """The workspace has no model yet."""


class NotRouted(Exception):
    """No upstream of the workspace answers for this model."""

    def __init__(self, model: str) -> None:
        super().__init__(model[:MAX_NAME])
        self.model = model[:MAX_NAME]


@dataclass(frozen=True, slots=True)
class Plan:
    """`model` as clients name it, and the upstreams to ask for it, in their order; at least one."""

    model: str
    upstreams: "tuple[Upstream, ...]"

    @property
    def first(self) -> "Upstream":
        return self.upstreams[0]


@dataclass(frozen=True, slots=True)
class Routing:
    """A workspace's enabled upstreams in their order, and its routes. Plain values; made once for each version.

    The first route whose pattern fits a name decides. Without any route each name goes to all upstreams, in order.
    """

    upstreams: "tuple[Upstream, ...]"
    routes: "tuple[tuple[str, tuple[Upstream, ...]], ...]" = ()
    _plans: dict[str | None, Plan] = field(default_factory=dict, compare=False, repr=False)

    def plan(self, model: str | None) -> Plan:
        """Where a request for `model` goes; None is the workspace's own. Raises NoUpstream, NotRouted."""
        found = self._plans.get(model)
        if found is None:
            found = self.resolve(model)
            if len(self._plans) >= _PLANS_KEPT:
                self._plans.clear()
            self._plans[model] = found
        return found

    def resolve(self, model: str | None) -> Plan:
        """`plan`, for names that are many and are asked for once."""
        if not self.upstreams:
            raise NoUpstream
        if model is None:
            return self._own()
        if len(model) > MAX_NAME:
            raise NotRouted(model)
        found = tuple(upstream for upstream in self.candidates(model) if upstream.offers(model))
        if not found:
            raise NotRouted(model)
        return Plan(model, found)

    def _own(self) -> Plan:
        """For requests that name no model: the first upstream's that has one, wherever that is routed."""
        first = next((upstream for upstream in self.upstreams if upstream.model), self.upstreams[0])
        try:
            return self.plan(first.model)
        except NotRouted:
            return Plan(first.model, (first,))

    def candidates(self, model: str) -> "Iterable[Upstream]":
        """The upstreams of the first route that fits."""
        if not self.routes:
            return self.upstreams
        return next((upstreams for pattern, upstreams in self.routes if fnmatchcase(model, pattern)), ())
