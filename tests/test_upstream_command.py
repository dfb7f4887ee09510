"""manage.py provider: upstreams and routes from the command line."""

import io

import pytest
from django.core.management import CommandError, call_command

from chat.models import Provider
from chat.providers import route_actions
from tests.cast import Cast

pytestmark = pytest.mark.django_db
Kind = Provider.Kind


def command(*words: str, stdin: str = "", monkeypatch: pytest.MonkeyPatch | None = None) -> str:
    told = io.StringIO()
    if monkeypatch is not None:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
    call_command("provider", *words, stdout=told)
    return told.getvalue()


def test_the_command_sets_lists_routes_and_removes(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    base = ("set", "acme", "--base-url", "http://127.0.0.1:9/v1")
    assert "key set" in command(*base, "--model", "m", stdin="sk-planted\n", monkeypatch=monkeypatch)
    more = ("--name", "local", "--map", "gpt-5.5=qwen3", "--only-mapped", "--route", "gpt-*", "--gap-seconds", "7.5")
    assert "key not set" in command(*base, *more, stdin="\n", monkeypatch=monkeypatch)
    command("route", "acme", "*", "default", "local")
    listed = command("list", "acme")
    assert "sk-planted" not in listed
    assert listed.splitlines() == [
        "default\tresponses\thttp://127.0.0.1:9/v1\tm\tkey set\twell",
        "local\tresponses\thttp://127.0.0.1:9/v1\t-\tkey not set\twell",
        "gpt-* → local",
        "* → default, local",
    ]
    row = Provider.objects.get(name="local")
    assert (row.names, row.only_mapped, row.gap_seconds, row.connect_seconds) == ({"gpt-5.5": "qwen3"}, True, 7.5, 10)
    command(*base, "--name", "local", stdin="\n", monkeypatch=monkeypatch)
    row.refresh_from_db()
    assert (row.names, row.gap_seconds) == ({"gpt-5.5": "qwen3"}, 7.5)  # what is not given stays
    command("route", "acme", "gpt-*", "--remove")
    command("remove", "acme", "local")
    assert command("list", "acme").splitlines()[1:] == ["* → default"]


def test_a_route_that_is_given_again_is_extended(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b", "a"):
        words = ("set", "acme", "--base-url", "http://127.0.0.1:9/v1", "--name", name, "--route", "gpt-*")
        command(*words, stdin="\n", monkeypatch=monkeypatch)
    assert route_actions.stored(cast.acme) == [("gpt-*", ["a", "b"])]


def test_the_command_sets_bedrock_and_keyless_upstreams(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    base = ("set", "acme", "--base-url", "https://bedrock-mantle.eu-west-1.api.aws/openai/v1", "--name", "aws")
    assert "key set" in command(*base, "--bedrock", stdin="bedrock-key\n", monkeypatch=monkeypatch)
    keyless = ("set", "acme", "--base-url", "https://api.openai.com/v1", "--name", "keyless")
    ids = ("--workload-identity", "idp_1", "sa_1")
    assert "not needed" in command(*keyless, *ids, "--token-file", "/run/token", monkeypatch=monkeypatch)
    kinds = {row.name: row.kind for row in Provider.objects.all()}
    assert kinds == {"aws": Kind.BEDROCK, "keyless": Kind.IDENTITY}
    with pytest.raises(CommandError, match="--token-file"):
        command(*keyless, *ids, monkeypatch=monkeypatch)


@pytest.mark.parametrize(
    "words",
    [
        ("remove", "acme", "nobody"),
        ("route", "acme", "m", "nobody"),
        ("route", "acme", "m"),
        ("route", "acme", "m", "--remove"),
        ("list", "nowhere"),
    ],
)
def test_the_command_refuses_with_a_sentence(words: tuple[str, ...], cast: Cast) -> None:
    with pytest.raises(CommandError):
        command(*words)
