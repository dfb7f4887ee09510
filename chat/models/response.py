"""A response, its steps and its items: the durable half of a turn."""

from functools import partial

from django.db import models

from deny_web import ids
from tenants.models import ApiKey, Tenant, TenantQuerySet, User


class Status(models.TextChoices):
    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    INCOMPLETE = "incomplete"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = (Status.COMPLETED, Status.INCOMPLETE, Status.FAILED, Status.CANCELLED)


class Door(models.TextChoices):
    """Who waits for the turn, which decides what becomes of it when its host dies or its reader leaves."""

    BROWSER = "browser"
    API = "api"
    BACKGROUND = "background"


class Response(models.Model):
    id = models.CharField(primary_key=True, max_length=64, default=partial(ids.new, "resp"))
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="responses")
    parent = models.ForeignKey("self", models.SET_NULL, null=True, related_name="children")
    conversation = models.ForeignKey("chat.Conversation", models.CASCADE, null=True, related_name="responses")
    user = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    api_key = models.ForeignKey(ApiKey, models.SET_NULL, null=True, related_name="+")
    door = models.CharField(max_length=12, choices=Door.choices)
    stored = models.BooleanField(default=True)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.QUEUED)
    request = models.JSONField()  # the create parameters without the input, as they came, but for
    sealed_request = models.BinaryField(null=True)  # the credentials of its tools, for as long as the turn runs
    model = models.CharField(max_length=200, blank=True)  # the one that was asked, when the request names none
    client_token = models.CharField(max_length=64, null=True)  # noqa: DJ001 - null is not unique, "" would be
    lease_id = models.CharField(max_length=64, blank=True)
    host = models.ForeignKey("chat.Host", models.SET_NULL, null=True, related_name="responses")
    epoch = models.PositiveIntegerField(default=1)
    last_seq = models.BigIntegerField(default=-1)
    wait_reason = models.CharField(max_length=40, blank=True)
    stop_requested_at = models.DateTimeField(null=True)
    usage = models.JSONField(null=True)
    details = models.JSONField(null=True)  # what the upstream says beside the output: results of moderation, …
    cost = models.PositiveBigIntegerField(null=True)  # billionths of a dollar, at the prices of its day
    counted = models.BooleanField(default=False, db_default=False)  # in the sums of `chat.usage`
    error = models.JSONField(null=True)
    incomplete = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True)

    objects = TenantQuerySet["Response"].as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(condition=models.Q(status__in=Status.values), name="response_status_known"),
            models.CheckConstraint(
                condition=~models.Q(status__in=ENDED) | models.Q(host__isnull=True), name="response_ended_unhosted"
            ),
            models.UniqueConstraint(
                fields=("tenant", "user", "door", "client_token"),
                condition=models.Q(client_token__isnull=False),
                name="response_token_once",
            ),
        )
        indexes = (
            models.Index(fields=("status", "host"), name="response_hosted"),
            models.Index(
                fields=("ended_at",),
                condition=models.Q(counted=False, ended_at__isnull=False),
                name="response_uncounted",
            ),
        )

    def __str__(self) -> str:
        return self.id


class Step(models.Model):
    """One request to the upstream. Exists once committed; an abandoned one leaves only its items."""

    response = models.ForeignKey(Response, models.CASCADE, related_name="steps")
    n = models.PositiveIntegerField()
    epoch = models.PositiveIntegerField()
    upstream = models.CharField(max_length=200)
    upstream_response_id = models.CharField(max_length=200, blank=True)
    usage = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("response", "n"), name="step_once"),)

    def __str__(self) -> str:
        return f"{self.response_id} step {self.n}"


class Item(models.Model):
    class Direction(models.TextChoices):
        INPUT = "input"
        OUTPUT = "output"

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+", db_index=False)
    response = models.ForeignKey(Response, models.CASCADE, related_name="items")
    step = models.ForeignKey(Step, models.CASCADE, null=True, related_name="items")
    direction = models.CharField(max_length=6, choices=Direction.choices)
    position = models.PositiveIntegerField()
    item_id = models.CharField(max_length=64, db_index=True)
    abandoned = models.BooleanField(default=False)  # shown to readers, never to a model
    body = models.JSONField()
    # The upstream's own names (item id, call id): sent back to it, shown to nobody.
    upstream = models.JSONField(default=dict)

    objects = TenantQuerySet["Item"].as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("response", "direction", "position"), name="item_position_once"),
        )
        # Together: given one of the tenant alone, SQLite reads all items of a workspace to find a chain's.
        indexes = (models.Index(fields=("tenant", "response"), name="item_of_response"),)

    def __str__(self) -> str:
        return self.item_id
