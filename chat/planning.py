"""Which upstreams a request goes to, in the API's errors: one answer for every door and every route."""

from chat.errors import ApiError
from chat.models import Response
from chat.providers import upstream
from chat.providers.routes import NotRouted, NoUpstream, Plan
from tenants.models import Tenant


def plan(tenant: Tenant, model: str | None) -> Plan:
    """Where a request for `model` goes; without a name, to the workspace's own model. Raises ApiError 404 or 409."""
    try:
        return upstream.routing(tenant).plan(model or None)
    except NoUpstream:
        message = "This workspace has no model yet. An admin can connect one under Models."
        raise ApiError(409, message, code="no_upstream") from None
    except NotRouted as absent:
        message = f"The model '{absent.model}' does not exist in this workspace."
        raise ApiError(404, message, code="model_not_found", param="model") from None


def still(row: Response) -> Plan:
    """Where a response goes on whose host died; `upstream.NOWHERE` refuses, where its model has gone meanwhile."""
    try:
        return upstream.routing(row.tenant).plan(row.model or None)
    except (NoUpstream, NotRouted):
        return Plan(row.model, (upstream.NOWHERE,))
