"""Celery tasks of the vault: chores that open nothing, and what follows an alert."""

import logging
import smtplib
import uuid

from celery import shared_task
from django.utils import timezone

from vault import scrub, staging
from vault.tripwires import telling

logger = logging.getLogger(__name__)


@shared_task(name="vault.sweep")
def sweep() -> None:
    """Forget changes of passwords that nobody has gone on with, tell alerts again, cut what the journal still keeps."""
    staging.sweep(timezone.now())
    telling.sweep(timezone.now())
    scrub.journal()


@shared_task(name="vault.tell_sighting")
def tell_sighting(sighting_id: str) -> None:
    """Mail an alert and call its hook. What fails stays due, and the sweep asks again."""
    try:
        telling.tell(uuid.UUID(sighting_id))
    except (smtplib.SMTPException, OSError) as error:
        # From here on only its kind: a mail server's answer may quote the mail.
        logger.warning("alert %s is not mailed yet: %s", sighting_id, type(error).__name__)
