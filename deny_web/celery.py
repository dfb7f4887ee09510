"""The Celery application. Tasks carry ids and nothing else, and their results are never stored."""

import logging
import os

from celery import Celery
from celery.signals import task_prerun
from django.db import close_old_connections
from kombu.exceptions import OperationalError

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "deny_web.settings")

from deny_web import heartbeat

logger = logging.getLogger(__name__)

app = Celery("deny_web")
app.config_from_object("django.conf:settings", namespace="CELERY")
# Celery would close a thread's database connection after every task; opening one costs more than most tasks do.
app.conf.CELERY_DB_REUSE_MAX = 1_000_000
task_prerun.connect(lambda **_: close_old_connections(), weak=False)  # one that the server closed meanwhile
app.autodiscover_tasks()
app.autodiscover_tasks(["chat"], related_name="turn_tasks")
app.autodiscover_tasks(["tenants.webhooks"])
heartbeat.install(app)


def ask(task: str, *ids: str) -> bool:
    """Ask a worker for a task, after the commit of what its ids name.

    False where the broker is away. That is no error: recovery and the sweeps find what no worker was asked for.
    """
    try:
        app.send_task(task, ids, retry=False)
    except (OperationalError, OSError) as error:
        logger.warning("%s waits for the broker: %s", task, type(error).__name__)
        return False
    return True
