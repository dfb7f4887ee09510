"""The base of the commands that see passwords or keys: their process leaves no core and is not to be looked into."""

from django.core.management.base import BaseCommand

from vault import memory


class HardenedCommand(BaseCommand):
    def run_from_argv(self, argv: list[str]) -> None:
        """Run as the process that was started for it; `call_command` within another process changes nothing of that."""
        memory.harden()
        super().run_from_argv(argv)
