"""This app's pages. A page of a workspace stands under `/t/SLUG/` and takes the keyword `slug`."""

from django.urls import URLPattern, URLResolver, path

from vault.pages import denysh, passwords, start, status, tripwire, tripwires, unlocking, values

_VAULT = "t/<slug:slug>/console/vault/"
_DENYSH = "t/<slug:slug>/console/denysh/"
_TRIPWIRES = "t/<slug:slug>/console/tripwires/"

urlpatterns: list[URLPattern | URLResolver] = [
    path("start/<slug:slug>/vault/", start.password, name="start_vault"),
    path(_VAULT, status.show, name="vault"),
    path(f"{_VAULT}create/", status.create, name="vault_create"),
    path(f"{_VAULT}unlock/", unlocking.unlock, name="vault_unlock"),
    path(f"{_VAULT}lock/", unlocking.lock, name="vault_lock"),
    path(f"{_VAULT}unattended/", unlocking.unattended, name="vault_unattended"),
    path(f"{_VAULT}add/", values.add, name="vault_add"),
    path(f"{_VAULT}password/", passwords.change, name="vault_password"),
    path(f"{_VAULT}password/progress/", passwords.progress, name="vault_password_progress"),
    path(f"{_VAULT}<uuid:pk>/", values.show, name="vault_entry"),
    path(f"{_VAULT}<uuid:pk>/replace/", values.replace, name="vault_replace"),
    path(f"{_VAULT}<uuid:pk>/reveal/", values.reveal, name="vault_reveal"),
    path(f"{_VAULT}<uuid:pk>/delete/", values.delete, name="vault_delete"),
    path(f"{_VAULT}<uuid:pk>/purge/", values.purge, name="vault_purge"),
    path(_TRIPWIRES, tripwires.show, name="tripwires"),
    path(f"{_TRIPWIRES}make/", tripwires.make, name="tripwire_make"),
    path(f"{_TRIPWIRES}alerts/acknowledge/", tripwires.acknowledge, name="tripwire_acknowledge_all"),
    path(f"{_TRIPWIRES}alerts/<uuid:pk>/acknowledge/", tripwires.acknowledge, name="tripwire_acknowledge"),
    path(f"{_TRIPWIRES}<uuid:pk>/", tripwire.show, name="tripwire"),
    path(f"{_TRIPWIRES}<uuid:pk>/options/", tripwire.options, name="tripwire_options"),
    path(f"{_TRIPWIRES}<uuid:pk>/arm/", tripwire.arm, name="tripwire_arm"),
    path(f"{_TRIPWIRES}<uuid:pk>/plant/", tripwire.plant, name="tripwire_plant"),
    path(f"{_TRIPWIRES}<uuid:pk>/hook/", tripwire.hook, name="tripwire_hook"),
    path(f"{_TRIPWIRES}<uuid:pk>/delete/", tripwire.delete, name="tripwire_delete"),
    path(_DENYSH, denysh.show, name="denysh"),
    path(f"{_DENYSH}add/", denysh.add, name="denysh_add"),
    path(f"{_DENYSH}server/", denysh.connect, name="denysh_connect"),
    path(f"{_DENYSH}server/disconnect/", denysh.disconnect, name="denysh_disconnect"),
    path(f"{_DENYSH}<uuid:pk>/delete/", denysh.delete, name="denysh_delete"),
]
