from django.apps import AppConfig


class VaultConfig(AppConfig):
    name = "vault"

    def ready(self) -> None:
        from vault import registrations, sealed_columns

        registrations.register_all()
        sealed_columns.register()
