"""Ids as a stranger could come by them: harvested from somebody's events, and made-up ones of the same kind."""

import json
import re
from collections.abc import Iterable
from typing import Any

_ID = re.compile(r'"((?:resp|conv|msg|mcp|mcpr|fc|rs|cmp|item|ws|host|call)_[0-9A-Za-z_-]{6,})"')


def harvest(events: Iterable[Any]) -> dict[str, str]:
    """One id of each kind that stands in the events, by its prefix."""
    found: dict[str, str] = {}
    for one in _ID.findall(json.dumps(list(events))):
        found.setdefault(one.split("_")[0], one)
    return found


def absent(known: str) -> str:
    """An id of the same kind and length that was never given out."""
    kind, _, rest = known.partition("_")
    return f"{kind}_{'0' * len(rest)}"
