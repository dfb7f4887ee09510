"""Who sees which conversation, and what the chat's plain pages do."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from chat.models import Conversation, Door, Response, Status
from chat.pages.conversation import newest_url
from tenants.models import User
from tests.cast import Cast
from tests.test_chatpage_transcript import add_turn, message

pytestmark = pytest.mark.django_db


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def conversation(cast: Cast) -> Conversation:
    row = Conversation.objects.create(tenant=cast.acme, created_by=cast.alice, title="Mine", changed_at=timezone.now())
    add_turn(row, "Hello?", message("**Hi** <b>you</b>"))
    return row


def pages_of(conversation: Conversation) -> list[str]:
    base = f"/t/acme/chat/{conversation.pk}/"
    return [base, f"{base}state/", f"{base}turns/", f"{base}rename/", f"{base}delete/"]


def test_author_reads_it_without_script(cast: Cast, conversation: Conversation) -> None:
    page = signed_in(cast.alice).get(f"/t/acme/chat/{conversation.pk}/").content.decode()
    assert "Hello?" in page
    assert "**Hi** &lt;b&gt;you&lt;/b&gt;" in page


def test_outsider_gets_404(cast: Cast, conversation: Conversation) -> None:
    client = signed_in(cast.charlie)
    for page in ["/t/acme/chat/", *pages_of(conversation)]:
        assert client.get(page).status_code == 404, page


def test_colleague_gets_404_for_what_is_not_theirs(cast: Cast, conversation: Conversation) -> None:
    client = signed_in(cast.bob)
    for page in pages_of(conversation):
        assert client.get(page).status_code == 404, page
    assert "Mine" not in client.get("/t/acme/chat/").content.decode()


def test_it_is_not_found_through_another_workspace(cast: Cast, conversation: Conversation) -> None:
    assert signed_in(cast.charlie).get(f"/t/elsewhere/chat/{conversation.pk}/").status_code == 404


def test_absent_and_foreign_conversations_look_alike(cast: Cast, conversation: Conversation) -> None:
    client = signed_in(cast.bob)
    absent = "conv_" + "0" * 40
    answers = [client.get(f"/t/acme/chat/{name}/") for name in (conversation.pk, absent)]
    bodies = [
        answer.content.decode().replace(name, "")
        for answer, name in zip(answers, (conversation.pk, absent), strict=True)
    ]
    assert bodies[0] == bodies[1]


def test_anonymous_is_asked_to_sign_in(cast: Cast, conversation: Conversation) -> None:
    for page in pages_of(conversation):
        answer = Client().get(page)
        assert answer.status_code == 302
        assert answer["Location"].startswith("/accounts/login/")


def test_viewer_reads_and_cannot_write(cast: Cast) -> None:
    page = signed_in(cast.dave).get("/t/acme/chat/").content.decode()
    assert "Your role here is to read" in page
    assert "data-send" not in page


def test_viewer_cannot_rename_or_delete(cast: Cast, conversation: Conversation) -> None:
    Conversation.objects.update(created_by=cast.dave)
    client = signed_in(cast.dave)
    assert client.get(f"/t/acme/chat/{conversation.pk}/").status_code == 200
    for act in ("rename", "delete"):
        assert client.post(f"/t/acme/chat/{conversation.pk}/{act}/", {"title": "New"}).status_code == 403


def test_only_those_who_may_unlock_are_offered_to(cast: Cast) -> None:
    assert 'id="unlock"' in signed_in(cast.alice).get("/t/acme/chat/").content.decode()
    assert 'id="unlock"' not in signed_in(cast.bob).get("/t/acme/chat/").content.decode()


def test_rename(cast: Cast, conversation: Conversation) -> None:
    answer = signed_in(cast.alice).post(f"/t/acme/chat/{conversation.pk}/rename/", {"title": "Invoices"})
    assert answer["Location"] == f"/t/acme/chat/{conversation.pk}/"
    conversation.refresh_from_db()
    assert conversation.title == "Invoices"


def test_an_empty_title_is_refused(cast: Cast, conversation: Conversation) -> None:
    answer = signed_in(cast.alice).post(f"/t/acme/chat/{conversation.pk}/rename/", {"title": " "})
    assert answer.status_code == 200
    conversation.refresh_from_db()
    assert conversation.title == "Mine"


def test_delete_takes_the_answers_along(cast: Cast, conversation: Conversation) -> None:
    client = signed_in(cast.alice)
    assert client.get(f"/t/acme/chat/{conversation.pk}/delete/").status_code == 200
    assert Conversation.objects.exists()
    assert client.post(f"/t/acme/chat/{conversation.pk}/delete/")["Location"] == "/t/acme/chat/"
    assert not Conversation.objects.exists()
    assert not Response.objects.exists()


def test_a_conversation_that_answers_is_not_deleted(cast: Cast, conversation: Conversation) -> None:
    running = add_turn(conversation, "more", parent=conversation.leaf, status=Status.IN_PROGRESS)
    Conversation.objects.update(active=running)
    client = signed_in(cast.alice)
    assert "Stop it" in client.post(f"/t/acme/chat/{conversation.pk}/delete/", follow=True).content.decode()
    assert Conversation.objects.exists()


def test_state_names_the_running_answer(cast: Cast, conversation: Conversation) -> None:
    running = add_turn(conversation, "more", parent=conversation.leaf, status=Status.IN_PROGRESS)
    Conversation.objects.update(active=running)
    answer = signed_in(cast.alice).get(f"/t/acme/chat/{conversation.pk}/state/")
    assert answer.json() == {"newest": running.pk}


def test_turns_are_links_without_answers(cast: Cast, conversation: Conversation) -> None:
    (turn,) = signed_in(cast.alice).get(f"/t/acme/chat/{conversation.pk}/turns/").json()["turns"]
    assert turn == {"id": conversation.leaf_id, "parent": "", "text": "Hello?"}


def test_conversations_stand_by_day(cast: Cast, conversation: Conversation) -> None:
    now = timezone.now()
    for title, days in (("a", 1), ("b", 5), ("c", 20)):
        Conversation.objects.create(
            tenant=cast.acme, created_by=cast.alice, title=title, changed_at=now - timedelta(days=days)
        )
    page = signed_in(cast.alice).get("/t/acme/chat/").content.decode()
    headings = ["Today", "Yesterday", "Last 7 days", "Last 30 days"]
    assert [page.index(f'data-day="{heading}"') for heading in headings] == sorted(
        page.index(f'data-day="{heading}"') for heading in headings
    )


def test_a_person_lands_in_their_own_newest_conversation(cast: Cast, conversation: Conversation) -> None:
    earlier = timezone.now() - timedelta(days=1)
    Conversation.objects.create(tenant=cast.acme, created_by=cast.alice, title="old", changed_at=earlier)
    assert newest_url(cast.acme, cast.alice) == f"/t/acme/chat/{conversation.pk}/"
    assert newest_url(cast.acme, cast.bob) == "/t/acme/chat/"


def test_search_finds_titles(cast: Cast, conversation: Conversation) -> None:
    client = signed_in(cast.alice)
    assert conversation.pk in client.get("/t/acme/chat/?q=mIn").content.decode()
    assert conversation.pk not in client.get("/t/acme/chat/?q=other").content.decode()


def test_a_hostile_title_stays_text(cast: Cast, conversation: Conversation) -> None:
    Conversation.objects.update(title="</title><script>alert(1)</script>")
    page = signed_in(cast.alice).get(f"/t/acme/chat/{conversation.pk}/").content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_hosts_of_links_are_not_looked_up(cast: Cast) -> None:
    answer = signed_in(cast.alice).get("/t/acme/chat/")
    assert answer["X-DNS-Prefetch-Control"] == "off"


def test_an_api_keys_conversations_are_not_in_a_persons_list(cast: Cast) -> None:
    made = Conversation.objects.create(tenant=cast.acme, created_by=None, title="By key", changed_at=timezone.now())
    Response.objects.create(tenant=cast.acme, conversation=made, door=Door.API, request={})
    client = signed_in(cast.alice)
    assert "By key" not in client.get("/t/acme/chat/").content.decode()
    assert client.get(f"/t/acme/chat/{made.pk}/").status_code == 404
