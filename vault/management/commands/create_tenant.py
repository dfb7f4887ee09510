"""`manage.py create_tenant`: a workspace with its owner, vault and first API key, from the command line."""

import json
from argparse import ArgumentParser

from django.core.management.base import CommandError
from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from deny_web import env
from tenants import accounts, actions
from tenants.models import Role
from vault import compartments
from vault.errors import VaultError
from vault.management.hardened import HardenedCommand


class Command(HardenedCommand):
    help = (
        "Make a workspace, all or nothing. OWNER_PASSWORD is the owner's (not needed if the account exists), "
        "VAULT_PASSWORD the vault's; both can be given as NAME_FILE."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--slug", help="its part of addresses: a-z, 0-9, hyphens; made from the name if absent")
        parser.add_argument("--owner", required=True, metavar="EMAIL")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    @sensitive_variables()
    def handle(self, *args: object, name: str, slug: str | None, owner: str, **options: object) -> None:
        vault_password = env.text("VAULT_PASSWORD")
        if not vault_password:
            raise CommandError("Set VAULT_PASSWORD (or VAULT_PASSWORD_FILE); it opens the new workspace's vault.")
        try:
            with transaction.atomic():
                user = accounts.ensure_person(owner, env.text("OWNER_PASSWORD"))
                principal = actions.create_tenant(name, slug=slug, acting=user)
                compartments.create(principal.tenant, vault_password, actor=principal)
                _, api_key = actions.create_api_key("Made with the workspace", role=Role.ADMIN, acting=principal)
        except actions.Refused as refused:
            raise CommandError(str(refused)) from None
        except VaultError as refused:
            raise CommandError(f"The vault's password: {refused}") from None
        made = {"tenant": principal.tenant.slug, "owner": user.email, "api_key": api_key}
        lines = "\n".join(f"{label}: {value}" for label, value in made.items())
        self.stdout.write(json.dumps(made) if options["json"] else lines)
