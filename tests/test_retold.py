"""A stored response whose log is gone, told over HTTP: no number twice, and an ending for whoever has not had it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from chat import recovery
from chat.doors.http.responses import _retold
from chat.models import Door, Response, Status
from tests.cast import Cast

pytestmark = pytest.mark.django_db


def stored(cast: Cast, **fields: object) -> Response:
    return Response.objects.create(tenant=cast.acme, door=Door.API, request={}, **fields)


def numbers(row: Response, after: int) -> list[int]:
    return [frame.number for frame in _retold(row.pk, after)]


@pytest.mark.parametrize(
    ("after", "told"), [(-1, [0, 1, 40]), (0, [40]), (39, [40]), (40, []), (41, []), (1_000_000, [])]
)
def test_whoever_has_had_the_ending_gets_no_number_again(cast: Cast, after: int, told: list[int]) -> None:
    row = stored(cast, status=Status.COMPLETED, last_seq=40, ended_at=timezone.now())
    assert numbers(row, after) == told


@pytest.mark.parametrize("committed", [-1, 7])
def test_a_reader_of_what_a_dead_host_left_gets_an_ending_under_a_new_number(cast: Cast, committed: int) -> None:
    row = stored(cast, status=Status.IN_PROGRESS, last_seq=committed)
    Response.objects.update(created_at=timezone.now() - timedelta(minutes=1))
    assert recovery.orphans() == []
    (ending,) = _retold(row.pk, 57)  # its host had told more than it had committed
    assert ending.type == "response.failed"
    assert ending.number > 57
    assert numbers(row, ending.number) == []
