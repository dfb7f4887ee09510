"""Webhooks: events of a workspace, signed and posted to the addresses that it names.

    send ─> a delivery's row, in the caller's transaction ─> after commit, a task with its id ─> one POST
    next_at, swept by beat ─> the next attempt                                  `delivery`, `tasks`

`events` lists what can be told, `endpoints` has the acts on where to, `signing` the signature (Standard Webhooks).
"""

from tenants.webhooks.sending import send

__all__ = ("send",)
