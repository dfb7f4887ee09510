"""The Celery application. Tasks carry ids and nothing else, and their results are never stored."""

import os

from celery import Celery
from celery.signals import task_prerun
from django.db import close_old_connections

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "deny_web.settings")

from deny_web import heartbeat

app = Celery("deny_web")
app.config_from_object("django.conf:settings", namespace="CELERY")
# Celery would close a thread's database connection after every task; opening one costs more than most tasks do.
app.conf.CELERY_DB_REUSE_MAX = 1_000_000
task_prerun.connect(lambda **_: close_old_connections(), weak=False)  # one that the server closed meanwhile
app.autodiscover_tasks()
app.autodiscover_tasks(["chat"], related_name="turn_tasks")
app.autodiscover_tasks(["tenants.webhooks"])
heartbeat.install(app)
