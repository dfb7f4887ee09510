"""The list of conversations beside the chat, by day."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

from django.db.models import QuerySet
from django.utils import timezone

from chat.models import Conversation

MAX_ROWS = 200


@dataclass(frozen=True)
class Day:
    """A heading and the conversations below it, newest first."""

    title: str
    conversations: list[Conversation]


def days(conversations: QuerySet[Conversation], query: str = "") -> list[Day]:
    """The newest conversations whose title holds `query`, by day, then by week and month."""
    if query.strip():
        conversations = conversations.filter(title__icontains=query.strip())
    rows: Iterable[Conversation] = conversations.only("id", "title", "changed_at").order_by("-changed_at")[:MAX_ROWS]
    today = timezone.localdate()
    groups = groupby(rows, key=lambda row: _title(timezone.localdate(row.changed_at), today))
    return [Day(title, list(found)) for title, found in groups]


def _title(day: date, today: date) -> str:
    if day >= today:
        return "Today"
    if day == today - timedelta(days=1):
        return "Yesterday"
    if day > today - timedelta(days=7):
        return "Last 7 days"
    if day > today - timedelta(days=30):
        return "Last 30 days"
    return f"{day:%B %Y}"
