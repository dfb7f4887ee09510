"""The Celery application. Tasks carry ids and nothing else, and their results are never stored."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "deny_web.settings")

from deny_web import heartbeat

app = Celery("deny_web")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.autodiscover_tasks(["chat"], related_name="turn_tasks")
heartbeat.install(app)
