"""What was used, added up by the hour."""

from django.db import models

from tenants.models.tenant import Tenant, TenantQuerySet


class UsageHour(models.Model):
    """One hour (UTC) of one key or person, with one model, through one door.

    Plain ids, 0 for none: the sums outlive keys and people, and a null would not be unique. `cost` is in billionths of
    a dollar, of the responses that had a price; `unpriced` counts those that had none.
    """

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="usage_hours")
    hour = models.DateTimeField()
    key = models.PositiveBigIntegerField(default=0)
    member = models.PositiveBigIntegerField(default=0)
    model = models.CharField(max_length=200)
    door = models.CharField(max_length=12)
    responses = models.PositiveBigIntegerField(default=0)
    input_tokens = models.PositiveBigIntegerField(default=0)
    cached_tokens = models.PositiveBigIntegerField(default=0)
    output_tokens = models.PositiveBigIntegerField(default=0)
    cost = models.PositiveBigIntegerField(default=0)
    unpriced = models.PositiveBigIntegerField(default=0)

    objects = TenantQuerySet["UsageHour"].as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "hour", "key", "member", "model", "door"), name="usage_hour_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.hour:%Y-%m-%d %H}h {self.model}"
