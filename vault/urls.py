"""This app's pages. A page of a workspace stands under `/t/SLUG/` and takes the keyword `slug`."""

from django.urls import URLPattern, URLResolver, path

from vault.pages import passwords, start, status, unlocking, values

_VAULT = "t/<slug:slug>/console/vault/"

urlpatterns: list[URLPattern | URLResolver] = [
    path("start/<slug:slug>/vault/", start.password, name="start_vault"),
    path(_VAULT, status.show, name="vault"),
    path(f"{_VAULT}create/", status.create, name="vault_create"),
    path(f"{_VAULT}unlock/", unlocking.unlock, name="vault_unlock"),
    path(f"{_VAULT}lock/", unlocking.lock, name="vault_lock"),
    path(f"{_VAULT}add/", values.add, name="vault_add"),
    path(f"{_VAULT}password/", passwords.change, name="vault_password"),
    path(f"{_VAULT}password/progress/", passwords.progress, name="vault_password_progress"),
    path(f"{_VAULT}<uuid:pk>/", values.show, name="vault_entry"),
    path(f"{_VAULT}<uuid:pk>/replace/", values.replace, name="vault_replace"),
    path(f"{_VAULT}<uuid:pk>/reveal/", values.reveal, name="vault_reveal"),
    path(f"{_VAULT}<uuid:pk>/delete/", values.delete, name="vault_delete"),
    path(f"{_VAULT}<uuid:pk>/purge/", values.purge, name="vault_purge"),
]
