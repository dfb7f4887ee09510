"""Honeytokens, which nobody should ever use, and the alerts that their sightings raise: see `vault.tripwires`."""

import uuid

from django.conf import settings
from django.db import models

from tenants.models import ApiKey, Tenant, TenantQuerySet


class Honeytoken(models.Model):
    """A value that is watched for. The value itself is here only while it is planted, and sealed then."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="honeytokens")
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=40, blank=True)  # of `vault.lookalikes`; empty for a value of one's own
    armed = models.BooleanField(default=True)
    # What tells it again, under the key of this number: see `vault.tripwires.marks`.
    key_id = models.PositiveBigIntegerField()
    marks = models.JSONField()
    bucket = models.PositiveIntegerField()
    stops = models.BooleanField(default=True)  # refuse tool calls that carry it
    in_output = models.BooleanField(default=True)  # raise an alert when a model says it, too
    # Where it is planted: in the instructions of every turn, in the results of these tools. `note` has {value} in it.
    in_prompt = models.BooleanField(default=False)
    in_results = models.JSONField(default=list)
    note = models.CharField(max_length=500, blank=True)
    sealed_value = models.BinaryField(null=True)
    # The tool that is called at an alert, in the version that its chooser saw, with these arguments.
    hook_tool = models.CharField(max_length=64, blank=True)
    hook_version = models.BigIntegerField(null=True)
    hook_args = models.TextField(blank=True)
    hook_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    sighted = models.PositiveIntegerField(default=0)
    last_sighted_at = models.DateTimeField(null=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TenantQuerySet["Honeytoken"].as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("tenant", "name"), name="honeytoken_name_once"),)
        indexes = (
            models.Index(fields=("key_id", "bucket"), condition=models.Q(armed=True), name="honeytoken_by_bucket"),
        )

    def __str__(self) -> str:
        return f"{self.name} of {self.tenant_id}"


class Sighting(models.Model):
    """An alert: an armed value was seen. Never the value, nor what stood around it."""

    class Place(models.TextChoices):
        MESSAGE = "message", "Chat message"
        ARGUMENT = "argument", "Tool argument"
        OUTGOING = "outgoing", "Outgoing request"
        OUTPUT = "output", "Model answer"
        API_KEY = "api_key", "API key"
        DENYSH = "denysh", "deny.sh API"

    class Hook(models.TextChoices):
        NONE = "", "None"
        DUE = "due", "Due"
        CALLED = "called", "Called"
        REFUSED = "refused", "Not called"

    MERGED = "several, not told apart"  # as `detail`: too many in a short time for an alert each

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="sightings")
    token = models.ForeignKey(Honeytoken, models.SET_NULL, null=True, related_name="sightings")
    name = models.CharField(max_length=80)  # the token's, which may be deleted
    place = models.CharField(max_length=10, choices=Place.choices)
    detail = models.CharField(max_length=200, blank=True)  # a tool's name, a route, an address and a route
    stopped = models.BooleanField(default=False)  # the tool call was refused
    who = models.CharField(max_length=300)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    api_key = models.ForeignKey(ApiKey, models.SET_NULL, null=True, related_name="+")
    response_id = models.CharField(max_length=64, blank=True)
    conversation_id = models.CharField(max_length=64, blank=True)
    count = models.PositiveIntegerField(default=1)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    mail_due = models.BooleanField(default=True)
    hook = models.CharField(max_length=10, choices=Hook.choices, blank=True)
    hook_call = models.UUIDField(null=True)
    hook_reason = models.CharField(max_length=200, blank=True)

    objects = TenantQuerySet["Sighting"].as_manager()

    class Meta:
        indexes = (
            models.Index(fields=("tenant", "-first_at"), name="sighting_newest"),
            models.Index(
                fields=("tenant",), condition=models.Q(acknowledged_at__isnull=True), name="sighting_unacknowledged"
            ),
            models.Index(
                fields=("first_at",), condition=models.Q(mail_due=True) | models.Q(hook="due"), name="sighting_untold"
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} in {self.place} of {self.tenant_id}"
