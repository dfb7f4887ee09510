"""A row of the audit trail."""

from typing import Any

from django.db import models

from tenants.models.tenant import Tenant, TenantQuerySet


class AuditRow(models.Model):
    """One act, numbered and chained within its tenant; never changed, never deleted alone."""

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="audit_rows")
    n = models.PositiveBigIntegerField()
    at = models.DateTimeField()
    actor = models.CharField(max_length=300)
    verb = models.CharField(max_length=60)
    subject = models.CharField(max_length=600, blank=True)
    detail = models.JSONField(default=dict)
    key_id = models.PositiveBigIntegerField()
    prev_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    objects = TenantQuerySet["AuditRow"].as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("tenant", "n"), name="audit_row_once"),)
        # The page's filter by act, with its list of acts, and by days, in a trail of many years.
        indexes = (
            models.Index(fields=("tenant", "verb", "n"), name="audit_row_by_verb"),
            models.Index(fields=("tenant", "at"), name="audit_row_by_day"),
        )

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.n} {self.verb}"

    @property
    def told(self) -> list[tuple[str, str]]:
        """The detail in words for a page: what is empty is left out."""
        return _named(self.detail)


def _named(detail: dict[str, Any]) -> list[tuple[str, str]]:
    # By name: PostgreSQL gives an object's names back in an order of its own.
    return [(name, _in_words(value)) for name, value in sorted(detail.items()) if value not in ("", None, [], {})]


def _in_words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(_in_words, value))
    if isinstance(value, dict):
        return ", ".join(f"{name} {words}" for name, words in _named(value))
    return str(value)
