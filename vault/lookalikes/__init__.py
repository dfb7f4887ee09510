"""Values that look like credentials and are none: right shape, right length, right checksum, known to nobody.

For covers that need no more than a look, and for the tripwires. deny.sh's generator makes what it makes well
(`generate_honey_decoy`, each time with fresh random seeds); the modules beside this one make what it lacks, and what a
provider's own rules would refuse. Nothing here is recorded or armed: a value is made and forgotten.

A look-alike fails at its first call. A cover that has to work is a working credential with few rights (docs/vault.md).
"""

from vault.lookalikes.catalogue import CATALOGUE, LookAlike

KINDS: dict[str, str] = {slug: kind.title for slug, kind in CATALOGUE.items()}
"""What can be made: a kind's slug, which is its name on the command line, and its title in a list."""

__all__ = ["CATALOGUE", "KINDS", "LookAlike", "fresh", "make"]


def make(kind: str) -> str:
    """A fresh value of one of `KINDS`.

    Raises:
        KeyError: there is no such kind.
    """
    return CATALOGUE[kind].make()


def fresh() -> list[tuple[LookAlike, str]]:
    """One value of each kind that is quick to make, for a page that offers them; some 10 ms in all.

    A page has them all, always: a request for one alone would leave its line in some log, just before the value of one
    password was written.
    """
    return [(kind, kind.make()) for kind in CATALOGUE.values() if not kind.slow]
