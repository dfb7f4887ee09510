"""A workspace's armed honeytokens, as a turn, a tool call or a request meets them: read once, by one query."""

import logging
from collections.abc import Iterable
from functools import cached_property

from tenants.models import Tenant
from vault.errors import Damaged
from vault.models import Honeytoken
from vault.tripwires import keys, planted
from vault.tripwires.marks import Mark
from vault.tripwires.search import Watch

logger = logging.getLogger(__name__)


class Armed:
    """What is watched for in one workspace, and what is planted in it."""

    def __init__(self, tokens: Iterable[Honeytoken]) -> None:
        self._tokens = {str(token.pk): token for token in tokens}

    def seen_in(self, texts: Iterable[str]) -> list[Honeytoken]:
        """The honeytokens that stand in any of the texts, in any dress that `vault.tripwires.search` sees through."""
        found = self._watch.names_in(texts)
        return [token for name, token in self._tokens.items() if name in found]

    def instructions(self) -> str:
        """What goes to the model behind the instructions of every turn."""
        return "\n".join(filter(None, (_note(token) for token in self._tokens.values() if token.in_prompt)))

    def in_result(self, tool: str) -> str:
        """What goes to the model with the results of this tool."""
        return "\n".join(filter(None, (_note(token) for token in self._tokens.values() if tool in token.in_results)))

    @cached_property
    def _watch(self) -> Watch:
        watch = Watch()
        for name, token in self._tokens.items():
            try:
                key = keys.of_tenant(token.key_id, token.tenant_id)
            except LookupError:
                # The page says so too. Nothing else is refused for it: one lost key must not stop a workspace.
                logger.error("honeytoken %s is not seen: server key %s is not here", token.pk, token.key_id)
                continue
            for mark in token.marks:
                watch.add(key, Mark(*mark), name)
        return watch


def of(tenant: Tenant) -> Armed | None:
    """What is armed in a workspace; None, without a query, where nothing is."""
    if not tenant.armed_tripwires:
        return None
    rows = Honeytoken.objects.for_tenant(tenant).filter(armed=True).order_by("created_at")
    return Armed(rows.defer("hook_args"))


def _note(token: Honeytoken) -> str:
    try:
        return planted.note(token)
    except Damaged:
        logger.error("honeytoken %s is not placed: its value does not open", token.pk)
        return ""
