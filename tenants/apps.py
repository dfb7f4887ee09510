from django.apps import AppConfig


class TenantsConfig(AppConfig):
    name = "tenants"

    def ready(self) -> None:
        from tenants import accounts, registrations  # noqa: F401 - connects the signals

        registrations.register_all()
