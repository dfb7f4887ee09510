"""What the process has ready from which the killed ones are forked: Django, set up."""

import os

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django

django.setup()
