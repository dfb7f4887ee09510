"""deny.sh's vault API: the SDK unmodified, and every refusal in its shape."""

import json

import pytest

from tests.denysh_cast import PASSWORD, Answer, call, put, run_client
from tests.infra.app import App
from tests.workspace import Workspace, make_workspace

pytestmark = pytest.mark.e2e
SECRET = "sk_live_4eC39HqLyjWDarjtT1zdp7dc-Ünï"
ITEM = {"label": "by-api", "encryptedData": "0a0b0c", "salt": "11" * 32, "iv": "22" * 16}
ABSENT = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def workspace(app: App) -> Workspace:
    return make_workspace(app, "acme")


@pytest.fixture(scope="module")
def elsewhere(app: App) -> Workspace:
    return make_workspace(app, "elsewhere")


def test_the_sdk_gets_a_value_by_its_label_and_by_its_id(workspace: Workspace) -> None:
    put(workspace, "stripe-prod", "an older value")
    item_id = put(workspace, "stripe-prod", SECRET)
    done = run_client(
        workspace,
        "import os, json; from deny_sh import vault_get, vault_get_by_id, vault_list\n"
        "items = vault_list()\n"
        "print(json.dumps([vault_get('stripe-prod', os.environ['VAULT_PW']),"
        " vault_get_by_id(os.environ['ITEM'], os.environ['VAULT_PW']), items]))",
        VAULT_PW=PASSWORD,
        ITEM=item_id,
    )
    assert done.returncode == 0, done.stderr
    by_label, by_id, listed = json.loads(done.stdout)
    assert (by_label, by_id) == (SECRET, SECRET)
    assert [item["label"] for item in listed[:2]] == ["stripe-prod", "stripe-prod"]
    assert listed[0].keys() == {"id", "label", "size", "created_at", "updated_at"}
    assert listed[0]["size"] == len(SECRET.encode())


@pytest.mark.parametrize(
    ("code", "env", "error"),
    [
        ("vault_get('stripe-prod', 'x')", {"DENY_API_KEY": "dw_" + "0" * 12 + "_" + "A" * 43}, "vault_unauthorized"),
        ("vault_get('no-such-label', 'x')", {}, "vault_label_not_found"),
        (f"vault_get_by_id('{ABSENT}', 'x')", {}, "vault_not_found"),
        ("vault_get('any', 'x', label_index_limit=0)", {}, "vault_label_index_too_large"),
    ],
)
def test_the_sdk_s_errors_are_its_own(workspace: Workspace, code: str, env: dict[str, str], error: str) -> None:
    call(workspace, "POST", "/vault/store", ITEM)
    done = run_client(
        workspace,
        f"from deny_sh import *\ntry: {code}\nexcept VaultError as error: print(error.code)",
        **env,
    )
    assert done.stdout.strip() == error, done.stderr


def test_what_is_stored_over_the_api_comes_back(workspace: Workspace) -> None:
    made = call(workspace, "POST", "/vault/store", ITEM | {"category": "api"})
    assert made.status == 201
    got = call(workspace, "GET", f"/vault/{made.json['id']}").json
    assert {name: got[name] for name in (*ITEM, "category")} == ITEM | {"category": "api"}
    assert call(workspace, "DELETE", f"/vault/{made.json['id']}").json == {"deleted": True}
    assert call(workspace, "GET", f"/vault/{made.json['id']}").status == 404


def test_a_foreign_id_answers_as_an_absent_one_byte_for_byte(workspace: Workspace, elsewhere: Workspace) -> None:
    foreign = call(elsewhere, "POST", "/vault/store", ITEM).json["id"]
    assert call(elsewhere, "GET", f"/vault/{foreign}").status == 200
    for method in ("GET", "DELETE"):
        answers = [call(workspace, method, f"/vault/{item}") for item in (foreign, ABSENT, "nonsense", foreign.upper())]
        assert {answer.status for answer in answers} == {404}
        assert {answer.body for answer in answers} == {b'{"error":"No such vault item."}'}
        assert len({frozenset(_steady(answer)) for answer in answers}) == 1
    pages = [call(workspace, "GET", f"/vault/list?after={item}").body for item in (foreign, ABSENT)]
    assert pages[0] == pages[1]
    assert call(elsewhere, "GET", f"/vault/{foreign}").status == 200


def test_without_a_key_every_route_says_the_same(workspace: Workspace) -> None:
    routes = [("GET", "/vault/list"), ("GET", f"/vault/{ABSENT}"), ("DELETE", f"/vault/{ABSENT}")]
    routes += [("POST", path) for path in ("/vault/store", "/encrypt", "/decrypt", "/deny")]
    for key in ("", "dw_nonsense", workspace.key[:-1]):
        answers = [call(workspace, method, path, b"{}", key=key) for method, path in routes]
        assert {(answer.status, answer.body) for answer in answers} == {(401, answers[0].body)}
        assert "error" in answers[0].json


def test_the_list_comes_in_pages_to_whoever_asks(elsewhere: Workspace) -> None:
    for n in range(5):
        call(elsewhere, "POST", "/vault/store", ITEM | {"label": f"page-{n}"})
    whole = call(elsewhere, "GET", "/vault/list").json
    assert whole["count"] == len(whole["items"]) >= 5
    assert not whole["has_more"]
    found, after = [], ""
    while True:
        page = call(elsewhere, "GET", f"/vault/list?limit=2{after}").json
        found += page["items"]
        if not page["has_more"]:
            break
        after = f"&after={page['items'][-1]['id']}"
    assert found == whole["items"]
    assert [item["created_at"] for item in found] == sorted((item["created_at"] for item in found), reverse=True)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"nonsense", 400),
        (b"[]", 400),
        (b'"text"', 400),
        (b'{"label": "\\ud800"}', 400),
        ({}, 400),
        (ITEM | {"label": ""}, 400),
        (ITEM | {"label": "a\u0000b"}, 400),
        (ITEM | {"label": "a\nb"}, 400),
        (ITEM | {"label": 7}, 400),
        (ITEM | {"label": "x" * 201}, 400),
        (ITEM | {"salt": "11"}, 400),
        (ITEM | {"iv": "zz" * 16}, 400),
        (ITEM | {"iv": None}, 400),
        (ITEM | {"encryptedData": "0a0"}, 400),
        (ITEM | {"encryptedData": "é" * 4}, 400),
        (ITEM | {"encryptedData": "00" * (64 * 1024 + 1)}, 400),
        (ITEM | {"encryptedData": "00" * (300 * 1024)}, 413),
        (ITEM | {"category": {"a": 1}}, 400),
    ],
)
def test_any_body_gets_an_error_in_the_sdk_s_shape(workspace: Workspace, body: object, status: int) -> None:
    answer = call(workspace, "POST", "/vault/store", body)
    assert answer.status == status
    assert list(answer.json) == ["error"]
    assert isinstance(answer.json["error"], str)


def test_routes_that_are_not_there_say_so_in_the_same_shape(workspace: Workspace) -> None:
    for method, path, status in (
        ("GET", "/nowhere", 404),
        ("GET", "/", 404),
        ("GET", "/vault/a/b", 404),
        ("PUT", "/vault/list", 405),
        ("GET", "/vault/store", 405),
        ("GET", "/encrypt", 405),
        ("PATCH", f"/vault/{ABSENT}", 405),
    ):
        answer = call(workspace, method, path)
        assert (answer.status, list(answer.json)) == (status, ["error"]), path
    assert call(workspace, "GET", "/vault/list?limit=0").status == 400
    assert call(workspace, "GET", "/vault/list?after=nonsense").status == 400


def test_the_primitive_denies(workspace: Workspace) -> None:
    passwords = {"password1": "one", "password2": "two"}
    made = call(workspace, "POST", "/encrypt", {"message": "the real story, at length", **passwords}).json
    assert made.keys() == {"ciphertext", "controlData"}
    said = call(workspace, "POST", "/decrypt", made | passwords).json
    assert said == {"message": "the real story, at length"}
    fake = {"ciphertext": made["ciphertext"], "fakeMessage": "a recipe", **passwords}
    control = call(workspace, "POST", "/deny", fake).json["controlData"]
    older = {"ciphertextHex": made["ciphertext"], "controlDataHex": control, **passwords}
    assert call(workspace, "POST", "/decrypt", older).json == {"message": "a recipe"}
    assert call(workspace, "POST", "/decrypt", older | {"password2": "three"}).json != {"message": "a recipe"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/encrypt", {"message": "x", "password1": "one"}),
        ("/encrypt", {"message": "", "password1": "one", "password2": "two"}),
        ("/encrypt", {"message": "x", "password1": "o" * 1025, "password2": "two"}),
        ("/decrypt", {"ciphertext": "00", "controlData": "00", "password1": "one", "password2": "two"}),
        ("/decrypt", {"ciphertext": "xx", "controlData": "00", "password1": "one", "password2": "two"}),
        ("/deny", {"ciphertext": "00" * 60, "fakeMessage": "much longer", "password1": "one", "password2": "two"}),
    ],
)
def test_what_the_primitive_cannot_use_is_refused(workspace: Workspace, path: str, body: dict[str, str]) -> None:
    answer = call(workspace, "POST", path, body)
    assert (answer.status, list(answer.json)) == (400, ["error"])


def test_each_key_has_its_limit_and_nobody_else_pays_for_it(workspace: Workspace, elsewhere: Workspace) -> None:
    body = {"ciphertext": "zz"}  # refused before any derivation, and counted
    answers = [call(workspace, "POST", "/decrypt", body) for _ in range(35)]
    assert answers[-1].status == 429
    assert int(answers[-1].headers["retry-after"]) > 0
    assert "error" in answers[-1].json
    assert call(elsewhere, "POST", "/decrypt", body).status == 400
    assert call(workspace, "GET", "/vault/list").status == 200


def test_nothing_that_was_sent_is_in_the_log(workspace: Workspace) -> None:
    assert "the real story" not in workspace.app.log
    assert SECRET not in workspace.app.log
    assert PASSWORD not in workspace.app.log
    assert "Traceback" not in workspace.app.log


def _steady(answer: Answer) -> set[tuple[str, str]]:
    return {(name, value) for name, value in answer.headers.items() if name != "date"}
