"""A process that hosts turns, and its heartbeat: how the others learn that it is gone."""

from django.db import models


class Host(models.Model):
    id = models.CharField(primary_key=True, max_length=64)
    bell = models.CharField(max_length=200)  # the Channels channel that wakes it
    started_at = models.DateTimeField(auto_now_add=True)
    heartbeat_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.id
