"""What a workspace pays for a model's tokens."""

from django.core.validators import MinValueValidator
from django.db import models

from tenants.models.tenant import Tenant, TenantQuerySet


class Price(models.Model):
    """US dollars per million tokens; the model `*` stands for every one that has no price of its own."""

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="prices")
    model = models.CharField(max_length=200)
    input = models.DecimalField(max_digits=12, decimal_places=6, validators=[MinValueValidator(0)])
    # Null: input that the upstream had cached costs what other input does.
    cached_input = models.DecimalField(
        max_digits=12, decimal_places=6, null=True, blank=True, validators=[MinValueValidator(0)]
    )
    output = models.DecimalField(max_digits=12, decimal_places=6, validators=[MinValueValidator(0)])
    changed_at = models.DateTimeField(auto_now=True)

    objects = TenantQuerySet["Price"].as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("tenant", "model"), name="price_once"),)

    def __str__(self) -> str:
        return f"{self.model} in {self.tenant_id}"
