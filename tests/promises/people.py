"""People and keys of a running workspace, made through its pages as an owner makes them."""

import re

from tests.promises.visitor import Visitor
from tests.workspace import OWNER_PASSWORD, Workspace

PASSWORD = "seven crooked kites over lisbon"
KEY = r"(dw_[0-9a-z]{12}_[0-9A-Za-z_-]{43})"


def owner(workspace: Workspace) -> Visitor:
    return Visitor(workspace.app).sign_in(workspace.email, OWNER_PASSWORD)


def join(by: Visitor, workspace: Workspace, email: str, role: str) -> Visitor:
    """A new person who follows an invitation's link."""
    page = by.post(f"/t/{workspace.slug}/console/members/", role=role)
    link = by.found(r"https?://[^/]+(/invite/[\w-]+/)", page)
    guest = Visitor(workspace.app).sign_up(email, PASSWORD)
    assert guest.post(link).status == 302
    return guest


def make_key(by: Visitor, workspace: Workspace, role: str, name: str, **form: str) -> str:
    page = by.post(f"/t/{workspace.slug}/console/keys/", name=name, role=role, **form)
    return by.found(KEY, page)


def revoke_key(by: Visitor, workspace: Workspace, key: str) -> None:
    assert by.post(f"/t/{workspace.slug}/console/keys/{_key_pk(by, workspace, key)}/revoke/").status == 302


def set_key_tools(by: Visitor, workspace: Workspace, key: str, **form: str) -> None:
    assert by.post(f"/t/{workspace.slug}/console/keys/{_key_pk(by, workspace, key)}/tools/", **form).status == 302


def _key_pk(by: Visitor, workspace: Workspace, key: str) -> str:
    """Through the page; the newest row with the key's public prefix is the one."""
    page = by.get(f"/t/{workspace.slug}/console/keys/").body.decode()
    row = next(part for part in page.split("<tr") if key.split("_")[1] in part)
    return re.findall(r"/keys/(\d+)/revoke/", row)[0]


def member_pk(by: Visitor, workspace: Workspace, email: str) -> str:
    page = by.get(f"/t/{workspace.slug}/console/members/").body.decode()
    row = next(part for part in page.split("<tr") if email in part)
    return re.findall(r"/members/(\d+)/", row)[0]
