"""How long a turn may take: in the background longer than while somebody waits."""

import pytest

from tests.infra.app import wait_for
from tests.upstream import Upstream, text
from tests.workspace import Workspace

pytestmark = pytest.mark.e2e


@pytest.fixture
def hurried(workspace: Workspace) -> Workspace:
    """A turn that somebody waits for has one second, less than the settings would allow."""
    change = f"Tenant.objects.filter(slug={workspace.slug!r}).update(max_seconds=1)"
    workspace.manage("shell", "-v", "0", "-c", f"from tenants.models import Tenant; {change}")
    return workspace


def test_a_background_turn_outlives_the_cap_of_one_that_is_waited_for(hurried: Workspace, upstream: Upstream) -> None:
    slow = text("as slow as deep research", deltas=8, delay=0.4)
    upstream.queue(slow, slow)
    client = hurried.client()
    waited = client.responses.create(model="m", input="hi")
    assert waited.status == "incomplete"
    assert waited.incomplete_details.model_extra["deny_web:reason"] == "max_seconds"
    made = client.responses.create(model="m", input="hi", background=True)
    wait_for(lambda: client.responses.retrieve(made.id).status not in ("queued", "in_progress"), 60, "not ended")
    found = client.responses.retrieve(made.id)
    assert (found.status, found.output_text) == ("completed", "as slow as deep research")
