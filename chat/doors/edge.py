"""A door's outer edge: an exception that nobody expected becomes the API's error, and a line in the log."""

import logging

from django.db import InterfaceError, OperationalError

from chat import faults
from chat.errors import ApiError
from vault.errors import Unavailable

_AWAY = (OperationalError, InterfaceError, Unavailable)
logger = logging.getLogger(__name__)


def fault(error: Exception, what: str) -> ApiError:
    """What a client hears: 503 where the database is away, else 500. `what` failed, for the log alone."""
    logger.error("%s failed: %s at %s", what, type(error).__name__, faults.place(error))
    if isinstance(error, _AWAY):
        return ApiError(503, "The server's database is away. Try again in a moment.", code="unavailable")
    return ApiError(500, "Something went wrong on this server. Try again.", code="server_error")
