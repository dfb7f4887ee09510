"""Where a workspace wants to hear of events, and each event on its way there."""

import uuid

from django.db import models

from tenants.models.tenant import Tenant, TenantQuerySet


class WebhookEndpoint(models.Model):
    """An address that gets events, and the secret that signs them.

    The address is sealed like the secret: many receivers take a token in its path for a password.
    """

    class Off(models.TextChoices):
        PERSON = "person", "Switched off by a person"
        GONE = "gone", "The receiver answered 410, which says that it wants no more"
        FAILING = "failing", "Nothing could be delivered for five days"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="webhook_endpoints")
    name = models.CharField(max_length=80)
    event_types = models.JSONField(default=list)
    sealed_url = models.BinaryField()
    sealed_secret = models.BinaryField()
    sealed_old_secret = models.BinaryField(null=True)  # signs beside the new one until `old_secret_until`
    old_secret_until = models.DateTimeField(null=True)
    enabled = models.BooleanField(default=True)
    off_reason = models.CharField(max_length=10, choices=Off.choices, blank=True)
    failing_since = models.DateTimeField(null=True)  # the first failure after the last delivery
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TenantQuerySet["WebhookEndpoint"].as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=models.Q(enabled=True, off_reason="") | models.Q(enabled=False, off_reason__gt=""),
                name="webhook_endpoint_off_reason",
            ),
            models.CheckConstraint(
                condition=models.Q(sealed_old_secret__isnull=True, old_secret_until__isnull=True)
                | models.Q(sealed_old_secret__isnull=False, old_secret_until__isnull=False),
                name="webhook_endpoint_old_secret_ends",
            ),
        )

    def __str__(self) -> str:
        return self.name


class WebhookDelivery(models.Model):
    """One event on its way to one endpoint.

    `next_at` drives it: when it is to be tried, and while it is being tried, when that is taken to have died with its
    worker. `body` is what is signed and sent, the same bytes each time.
    """

    class State(models.TextChoices):
        PENDING = "pending", "On its way"
        DELIVERED = "delivered", "Delivered"
        FAILED = "failed", "Given up"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    endpoint = models.ForeignKey(WebhookEndpoint, models.CASCADE, related_name="deliveries")
    event_id = models.CharField(max_length=64)
    event_type = models.CharField(max_length=60)
    dedupe = models.CharField(max_length=200)
    body = models.TextField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(null=True)
    tried_at = models.DateTimeField(null=True)
    status = models.PositiveSmallIntegerField(null=True)  # of the last answer
    duration_ms = models.PositiveIntegerField(null=True)
    error = models.CharField(max_length=40, blank=True)  # why there was no answer, a key of `delivery.ERRORS`
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TenantQuerySet["WebhookDelivery"].as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=models.Q(state="pending", next_at__isnull=False)
                | models.Q(state__in=("delivered", "failed"), next_at__isnull=True),
                name="webhook_delivery_state_known",
            ),
            models.UniqueConstraint(fields=("endpoint", "event_type", "dedupe"), name="webhook_delivery_once"),
        )
        indexes = (
            models.Index(fields=("state", "next_at"), name="webhook_delivery_due"),
            models.Index(fields=("endpoint", "created_at"), name="webhook_delivery_newest"),
            models.Index(fields=("created_at",), name="webhook_delivery_age"),
        )

    def __str__(self) -> str:
        return f"{self.event_type} {self.event_id}"
