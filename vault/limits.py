"""How often a person, an address or a key may try. Asked before the key derivation, which is the cost.

Fixed windows of a minute in Valkey. A guard against guessing and against a busy machine; the password's strength is
what holds against an attacker who has the rows.
"""

from collections.abc import Mapping

import redis

from deny_web import valkey
from tenants.access import Principal
from vault.errors import TooManyTries, Unavailable

WINDOW = 60  # seconds
PER_MEMBER = 20
PER_ADDRESS = 40


def spend(principal: Principal, address: str) -> None:
    """Count one try of this member in this workspace, and of this address everywhere.

    Raises:
        TooManyTries: either is over its limit; try again in a minute.
        Unavailable: Valkey does not answer, so that nothing would count.
    """
    who = principal.user.pk if principal.user else "operator"
    count({f"vault:tries:{principal.tenant.pk}:{who}": PER_MEMBER, f"vault:tries:address:{address}": PER_ADDRESS})


def count(limits: Mapping[str, int]) -> None:
    """Count one try under each name, which may have so many a minute.

    Raises:
        TooManyTries: one is over its limit; try again in a minute.
        Unavailable: Valkey does not answer, so that nothing would count.
    """
    try:
        with valkey.sync().pipeline(transaction=True) as pipe:
            for name in limits:
                pipe.set(name, 0, ex=WINDOW, nx=True)
                pipe.incr(name)
            counts = pipe.execute()[1::2]
    except redis.RedisError:
        raise Unavailable from None
    if any(count > limit for count, limit in zip(counts, limits.values(), strict=True)):
        raise TooManyTries
