"""Which tools of a workspace there are to choose from for a key. This room knows none: the one that has them says.

A key keeps names. One that no tool has any more matches nothing, and a tool that is made under it later is offered.
"""

from collections.abc import Callable

from tenants.models import Tenant

_names: list[Callable[[Tenant], list[str]]] = []


def register(names: Callable[[Tenant], list[str]]) -> None:
    """`names` answers the workspace's tools in order; called from an app's `AppConfig.ready`."""
    _names[:] = [names]


def names(tenant: Tenant) -> list[str]:
    """The names of the workspace's tools."""
    return [name for one in _names for name in one(tenant)]
