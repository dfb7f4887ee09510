"""A tool is data: a name that is in use, and the numbered versions of its definition."""

from django.db import models

from tenants.models import Tenant, TenantQuerySet


class Tool(models.Model):
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="tools")
    name = models.CharField(max_length=64)
    enabled = models.BooleanField(default=True)
    current = models.ForeignKey("chat.ToolVersion", models.RESTRICT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TenantQuerySet["Tool"].as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("tenant", "name"), name="tool_name_once"),)

    def __str__(self) -> str:
        return self.name


class ToolVersion(models.Model):
    """Never changed: a call that waits for its approval keeps the definition that was approved."""

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    tool = models.ForeignKey(Tool, models.SET_NULL, null=True, related_name="versions")
    n = models.PositiveIntegerField()
    definition = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TenantQuerySet["ToolVersion"].as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("tool", "n"), name="tool_version_once"),)

    def __str__(self) -> str:
        return f"{self.tool_id} v{self.n}"
