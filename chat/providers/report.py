"""What `doctor` and `provider list` say of upstreams: set or not, well or not; never a key, nor an address."""

import time
from collections.abc import Iterator
from itertools import groupby

from chat.models import Provider
from chat.providers import health
from chat.providers.health import Trouble


def by_workspace() -> Iterator[tuple[str, str, bool]]:
    """For each workspace with upstreams of its own: its slug, a line of all, and whether one is in trouble."""
    rows = Provider.objects.select_related("tenant").order_by("tenant__slug", "position", "pk")
    for slug, group in groupby(rows, key=lambda row: row.tenant.slug):
        own = list(group)
        troubles = health.known(own)
        words = [f"{row.name} ({row.kind}, key {has_key(row)}, {state(row, troubles.get(row.name))})" for row in own]
        yield slug, ", ".join(words), any(row.enabled and row.name in troubles for row in own)


def has_key(row: Provider) -> str:
    if row.kind in (Provider.Kind.IDENTITY, Provider.Kind.DEMO, Provider.Kind.DEFAULT):
        return "not needed"
    return "set" if row.sealed_key else "not set"


def state(row: Provider, trouble: Trouble | None) -> str:
    if not row.enabled:
        return "off"
    if trouble is None:
        return "well"
    words = "passed over" if trouble.is_passed_over else "failing"
    return f"{words}: {trouble.code}, for {max(0, int(time.time() - trouble.since))} s"
