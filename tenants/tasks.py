"""Celery tasks of workspaces: chores that ask nobody."""

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from tenants import audit_heads


@shared_task(name="audit.heads")
def keep_audit_heads() -> None:
    """Note the audit trails' heads where the database is not, once a day each."""
    audit_heads.keep(settings.AUDIT_HEADS, timezone.now())
