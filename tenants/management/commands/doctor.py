"""`manage.py doctor`: what is set up, what is missing, what to do. Exits 1 when something is wrong."""

import sys
from typing import Any

from django.core.management.base import BaseCommand

from deny_web import doctor
from deny_web.doctor import State


class Command(BaseCommand):
    help = "Say what is set up, what is missing and what to do; exit 1 when something is wrong."
    requires_system_checks: list[str] = []  # what they would find it finds itself, and says what to do

    def handle(self, *args: Any, **options: Any) -> None:
        found = list(doctor.examine())
        for finding in found:
            self.stdout.write(f"{finding.state.value:<6} {finding.subject:<15} {finding.text}")
            if finding.advice:
                self.stdout.write(f"{'':<22} → {finding.advice}")
        wrong = sum(finding.state is State.WRONG for finding in found)
        if wrong:
            self.stdout.write(f"\n{wrong} {'thing is' if wrong == 1 else 'things are'} wrong.")
            sys.exit(1)
        self.stdout.write("\nEverything that a turn needs is there.")
