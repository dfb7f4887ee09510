"""Celery tasks of the vault: chores that open nothing."""

from celery import shared_task
from django.utils import timezone

from vault import scrub, staging


@shared_task(name="vault.sweep")
def sweep() -> None:
    """Forget changes of passwords that nobody has gone on with, and cut what the journal still keeps."""
    staging.sweep(timezone.now())
    scrub.journal()
