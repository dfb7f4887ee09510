from django.apps import AppConfig


class ChatConfig(AppConfig):
    name = "chat"

    def ready(self) -> None:
        from chat import registrations
        from deny_web import celery  # noqa: F401 - shared tasks go to this application

        registrations.register()
