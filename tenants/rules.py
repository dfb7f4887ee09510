"""What every act checks again for itself, and how it refuses."""

import uuid

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models, transaction

from tenants import access, signals
from tenants.access import Act, Principal


class Refused(ValueError):
    """The act cannot be done; the sentence is for the person."""


def need(acting: Principal, act: Act) -> None:
    """Raises PermissionDenied unless `acting` may."""
    if not acting.may(act):
        raise PermissionDenied


def need_rank(acting: Principal, role: str) -> None:
    """Nobody gives, changes or ends rights above their own."""
    if access.rank(role) > access.rank(acting.role):
        raise Refused("Only an owner can give, change or end an owner's rights.")


def clean(row: models.Model) -> None:
    """A row's own validators, as one sentence for the person."""
    try:
        row.full_clean()
    except ValidationError as wrong:
        raise Refused(" ".join(wrong.messages)) from None


def announce(tenant_id: uuid.UUID | None, user_id: int) -> None:
    """Tell open sockets, once the change is in the database, that a person's rights changed."""
    transaction.on_commit(lambda: signals.access_changed.send(sender=None, tenant_id=tenant_id, user_id=user_id))
