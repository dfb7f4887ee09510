"""Requests and tokens a minute, of a key and of a workspace.

A token bucket, kept as one number (GCRA: the time at which the bucket is full again). It holds a minute's worth, so a
burst of that size passes, and refills evenly. One script takes from all the buckets of a request or from none, so that
parallel requests cannot pass together what each would have passed alone; it goes by Valkey's clock, not by ours.

Without Valkey nothing is limited: a limit guards fairness, and the budgets, which guard money, are in the database.
"""

import logging
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import redis

from deny_web import valkey
from tenants.models import ApiKey, Tenant

logger = logging.getLogger(__name__)

MINUTE = 60_000_000  # microseconds
REQUESTS, TOKENS = "requests", "tokens"

# KEYS: the buckets. ARGV: for each its microseconds a unit and the units wanted. Answers for each: whether it has them
# (1 or 0), and the microseconds until it is full as it stands afterwards.
_TAKE = """
local now = redis.call('TIME')
now = now[1] * 1000000 + now[2]
local full, fits, all = {}, {}, true
for i, key in ipairs(KEYS) do
  local each, wanted = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  full[i] = math.max(now, tonumber(redis.call('GET', key) or '0'))
  fits[i] = full[i] + each * wanted - now <= 60000000 + 1
  all = all and fits[i]
end
local answer = {}
for i, key in ipairs(KEYS) do
  if all then
    full[i] = full[i] + tonumber(ARGV[2 * i - 1]) * tonumber(ARGV[2 * i])
    redis.call('SET', key, string.format('%.2f', full[i]), 'PX', math.ceil((full[i] - now) / 1000) + 1000)
  end
  answer[2 * i - 1] = fits[i] and 1 or 0
  answer[2 * i] = math.ceil(full[i] - now)
end
return answer
"""
# KEYS and ARGV as above, the units may be negative. A bucket that is not there is full, and cannot become more than it.
_CORRECT = """
local now = redis.call('TIME')
now = now[1] * 1000000 + now[2]
for i, key in ipairs(KEYS) do
  local full = math.max(now, tonumber(redis.call('GET', key) or '0'))
  full = math.max(now, full + tonumber(ARGV[2 * i - 1]) * tonumber(ARGV[2 * i]))
  redis.call('SET', key, string.format('%.2f', full), 'PX', math.ceil((full - now) / 1000) + 1000)
end
"""


@dataclass(frozen=True, slots=True)
class Bucket:
    """One limit: `what` is requests or tokens, `whose` says whose limit it is, to people."""

    name: str
    what: str
    whose: str
    limit: int


@dataclass(frozen=True, slots=True)
class Level:
    """A bucket after a request: what is left, and the microseconds until it is full."""

    bucket: Bucket
    left: int
    full_in: int


@dataclass(frozen=True, slots=True)
class Permit:
    """A request that was let through: the levels that it left, and the tokens that it took ahead."""

    levels: tuple[Level, ...]
    tokens: int

    @property
    def headers(self) -> dict[str, str]:
        return headers(self.levels)


_FREE = Permit((), 0)


class Limited(Exception):
    """A limit is reached. `retry_after` is in seconds; None where the request alone is larger than the limit."""

    def __init__(self, level: Level, retry_after: float | None, told: dict[str, str]) -> None:
        bucket = level.bucket
        if retry_after is None:
            self.sentence = (
                f"This request alone is larger than {bucket.whose} limit of {bucket.limit:,} tokens a minute. "
                "Send less, or ask an admin to raise it under Spend."
            )
        else:
            self.sentence = (
                f"{bucket.whose[0].upper()}{bucket.whose[1:]} limit of {bucket.limit:,} {bucket.what} a minute is "
                f"reached. Try again in {_duration(round(retry_after * 1_000_000))}, or ask an admin to raise it under "
                "Spend."
            )
        super().__init__(self.sentence)
        self.what = bucket.what
        self.retry_after = retry_after
        self.headers = told


def buckets(tenant: Tenant, api_key: ApiKey | None) -> list[Bucket]:
    """The limits that hold for a request: of its key, and of its workspace. Usually none."""
    found = []
    for owner, name, whose in ((api_key, "key", "this key's"), (tenant, "tenant", "the workspace's")):
        if owner is None:
            continue
        for what in (REQUESTS, TOKENS):
            limit = getattr(owner, f"{what}_per_minute")
            if limit is not None:
                # The braces keep a workspace's buckets on one node of a cluster, where a script needs them.
                place = f"limit:{{{tenant.pk.hex}}}:{name}:{owner.pk if name == 'key' else 0}:{what}"
                found.append(Bucket(place, what, whose, limit))
    return found


def take(found: Sequence[Bucket], input_tokens: int, answer_tokens: int | None, default: int) -> Permit:
    """Take one request and its estimated tokens from all buckets, or from none; nothing where Valkey does not answer.

    `answer_tokens` is the longest answer that the request asks for, if it says so, else `default` counts, as far as
    the limit has room for it.

    Raises:
        Limited: one of them is used up.
    """
    if not found:
        return _FREE
    tokens = wanted(found, input_tokens, answer_tokens, default)
    for one in found:
        if one.what == TOKENS and tokens > one.limit:
            level = Level(one, one.limit, 0)
            raise Limited(level, None, headers([level]))
    try:
        answer = valkey.sync().eval(_TAKE, len(found), *_arguments(found, tokens))
    except redis.RedisError as error:
        logger.warning("limits are not held: Valkey does not answer (%s)", type(error).__name__)
        return _FREE
    levels = tuple(_level(one, full_in) for one, full_in in zip(found, answer[1::2], strict=True))
    full = [(level, _units(level.bucket, tokens)) for level, fits in zip(levels, answer[::2], strict=True) if not fits]
    if full:
        waits = [(_wait(level, units), level) for level, units in full]
        longest, level = max(waits, key=lambda one: one[0])
        raise Limited(level, longest / 1_000_000, headers(levels))
    return Permit(levels, tokens)


def wanted(found: Sequence[Bucket], input_tokens: int, answer_tokens: int | None, default: int) -> int:
    """The tokens that a request takes ahead; see `take`."""
    if answer_tokens is not None:
        return input_tokens + answer_tokens
    room = min((one.limit for one in found if one.what == TOKENS), default=input_tokens)
    return max(input_tokens, min(input_tokens + default, room))


def correct(found: Iterable[tuple[Bucket, int]]) -> None:
    """Put right what was taken ahead: for each bucket the tokens that were used beyond it, or below it (negative).

    A bucket can be left with less than nothing, which its next requests wait for. Lost without Valkey, as all is then.
    """
    rows = [(bucket, tokens) for bucket, tokens in found if bucket.what == TOKENS and tokens]
    if not rows:
        return
    arguments: list[str | float] = [bucket.name for bucket, _ in rows]
    for bucket, tokens in rows:
        arguments += [MINUTE / bucket.limit, tokens]
    try:
        valkey.sync().eval(_CORRECT, len(rows), *arguments)
    except redis.RedisError as error:
        logger.warning("limits were not corrected: %s", type(error).__name__)


def forget(tenant_id: uuid.UUID, api_key_id: int | None) -> None:
    """A limit was changed: its buckets begin full."""
    kind, pk = ("tenant", 0) if api_key_id is None else ("key", api_key_id)
    names = [f"limit:{{{tenant_id.hex}}}:{kind}:{pk}:{what}" for what in (REQUESTS, TOKENS)]
    try:
        valkey.sync().delete(*names)
    except redis.RedisError as error:
        logger.warning("a limit's bucket was not emptied: %s", type(error).__name__)


def headers(levels: Iterable[Level]) -> dict[str, str]:
    """OpenAI's `x-ratelimit-*`; of a key's and a workspace's limit the one with less left."""
    told: dict[str, Level] = {}
    for level in levels:
        known = told.get(level.bucket.what)
        if known is None or level.left < known.left:
            told[level.bucket.what] = level
    found = {}
    for what, level in told.items():
        found[f"x-ratelimit-limit-{what}"] = str(level.bucket.limit)
        found[f"x-ratelimit-remaining-{what}"] = str(level.left)
        found[f"x-ratelimit-reset-{what}"] = _duration(level.full_in)
    return found


def _arguments(found: Sequence[Bucket], tokens: int) -> list[str | float]:
    arguments: list[str | float] = [one.name for one in found]
    for one in found:
        arguments += [MINUTE / one.limit, _units(one, tokens)]
    return arguments


def _units(bucket: Bucket, tokens: int) -> int:
    return 1 if bucket.what == REQUESTS else tokens


def _level(bucket: Bucket, full_in: int) -> Level:
    return Level(bucket, max(0, int((MINUTE - full_in) * bucket.limit / MINUTE)), full_in)


def _wait(level: Level, units: int) -> float:
    """Microseconds until `units` fit."""
    return max(1.0, level.full_in + units * MINUTE / level.bucket.limit - MINUTE)


def _duration(microseconds: int) -> str:
    """As OpenAI writes it: `12ms`, `1.5s`, `6m0s`."""
    if microseconds < 1_000_000:
        return f"{-(-microseconds // 1000)}ms"
    minutes, rest = divmod(microseconds, MINUTE)
    seconds = f"{rest / 1_000_000:.3f}".rstrip("0").rstrip(".")
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"
