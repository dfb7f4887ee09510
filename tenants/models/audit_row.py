"""A row of the audit trail."""

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
