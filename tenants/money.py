"""Amounts of money as whole numbers: billionths of a US dollar, so that sums of tiny costs lose nothing."""

from decimal import Decimal

NANO = 1_000_000_000
MOST = 1_000_000 * NANO  # a million dollars: far below what a database's integer holds


def nano(dollars: Decimal) -> int:
    """Dollars as billionths, what is smaller than one cut off."""
    return int(dollars * NANO)


def dollars(amount: int) -> str:
    """Billionths as dollars, exactly: `0.0001234`, `12`, `0`."""
    whole, rest = divmod(amount, NANO)
    return f"{whole}.{rest:09d}".rstrip("0").rstrip(".")


def shown(amount: int) -> str:
    """As people read it: `$12.30`; below a cent with the digits that say something, `$0.00012`."""
    if amount == 0:
        return "$0.00"
    if amount >= NANO // 100:
        return f"${amount / NANO:,.2f}"
    if amount < NANO // 100_000:
        return "under $0.00001"
    return f"${amount / NANO:.5f}".rstrip("0")
