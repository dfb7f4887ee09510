"""What the process has ready from which the killed ones are forked: Django and the command."""

import os

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django

django.setup()

# A kill in the middle of an import would hit nothing.
from vault.management.commands import vault  # noqa: E402, F401 - loaded ahead, after django.setup
