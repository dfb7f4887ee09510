"""A conversation: a name, an author, and a pointer to its newest leaf in the tree of responses."""

from functools import partial

from django.conf import settings
from django.db import models

from deny_web import ids
from tenants.models import Tenant, TenantQuerySet


class Conversation(models.Model):
    id = models.CharField(primary_key=True, max_length=64, default=partial(ids.new, "conv"))
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="conversations")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="conversations")
    title = models.CharField(max_length=200, blank=True)
    metadata = models.JSONField(default=dict)
    leaf = models.ForeignKey("chat.Response", models.SET_NULL, null=True, related_name="+")
    # One active turn a conversation: set and cleared by compare-and-set.
    active = models.ForeignKey("chat.Response", models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(db_index=True)

    objects = TenantQuerySet["Conversation"].as_manager()

    class Meta:
        indexes = (models.Index(fields=("tenant", "created_by", "-changed_at"), name="conversation_recent"),)

    def __str__(self) -> str:
        return self.id
