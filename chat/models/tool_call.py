"""The ledger's row: one call of a tenant's tool, from proposal to outcome. `chat.ledger` moves it."""

import uuid

from django.db import models

from tenants.models import Tenant, TenantQuerySet


class CallState(models.TextChoices):
    PROPOSED = "proposed"
    AWAITING_APPROVAL = "awaiting_approval"
    APPROVED = "approved"
    QUEUED = "queued"
    CLAIMED = "claimed"
    SENDING = "sending"
    DONE = "done"
    FAILED = "failed"
    DENIED = "denied"
    UNKNOWN = "unknown"


class ToolCall(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="tool_calls")
    # Null for a call that a person tries in the console.
    response = models.ForeignKey("chat.Response", models.CASCADE, null=True, related_name="tool_calls")
    step = models.ForeignKey("chat.Step", models.CASCADE, null=True, related_name="tool_calls")
    call_id = models.CharField(max_length=100)  # the upstream's name for it; goes up with the output
    item_id = models.CharField(max_length=64, blank=True)  # ours, of the mcp_call item
    name = models.CharField(max_length=64)  # as the model called it, known or not
    tool_version = models.ForeignKey("chat.ToolVersion", models.RESTRICT, null=True, related_name="+")
    args = models.TextField()
    args_hash = models.CharField(max_length=64)
    state = models.CharField(max_length=20, choices=CallState.choices, default=CallState.PROPOSED)
    claim_token = models.CharField(max_length=64, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    deadline = models.DateTimeField(null=True)
    idempotency_key = models.CharField(max_length=64, unique=True)
    approval_expires_at = models.DateTimeField(null=True)
    lease_id = models.CharField(max_length=64, blank=True)
    stop_requested = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    result = models.JSONField(null=True)

    objects = TenantQuerySet["ToolCall"].as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("response", "step", "call_id"), name="tool_call_once"),
            models.CheckConstraint(condition=models.Q(state__in=CallState.values), name="tool_call_state_known"),
        )
        indexes = (models.Index(fields=("state", "deadline"), name="tool_call_overdue"),)

    def __str__(self) -> str:
        return str(self.id)
