"""Two people at once: one link lets one in, and the last owner stays whoever is quicker."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from tenants import actions
from tenants.actions import Refused
from tenants.models import Membership, Role
from tests.cast import make_cast, make_person

pytestmark = [pytest.mark.db_matrix, pytest.mark.django_db(transaction=True)]


def at_once(*acts: Callable[[], object]) -> list[bool]:
    """Whether each act went through; all of them begin together, each on a connection of its own."""
    start = Barrier(len(acts))

    def run(act: Callable[[], object]) -> bool:
        try:
            connection.ensure_connection()
            start.wait(10)
            act()
        except Refused:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def test_one_link_lets_one_person_in() -> None:
    cast = make_cast()
    _, token = actions.invite_member(cast.acme, "", Role.MEMBER, acting=cast.owner)
    guests = [cast.charlie, *(make_person(f"guest-{n}") for n in range(3))]
    went = at_once(*((lambda guest=guest: actions.accept_invitation(token, acting=guest)) for guest in guests))
    assert went.count(True) == 1
    assert Membership.objects.for_tenant(cast.acme).filter(user__in=guests).count() == 1


def test_two_owners_who_leave_at_once_leave_one_behind() -> None:
    cast = make_cast()
    Membership.objects.filter(user=cast.erin).update(role=Role.OWNER)
    owners = list(Membership.objects.for_tenant(cast.acme).filter(role=Role.OWNER).select_related("user"))
    went = at_once(*((lambda m=m: actions.remove_member(m, acting=cast.principal(m.user, Role.OWNER))) for m in owners))
    assert sorted(went) == [False, True]
    assert Membership.objects.for_tenant(cast.acme).filter(role=Role.OWNER).count() == 1
