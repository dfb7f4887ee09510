"""The response that a request asks its prompt cache to be compared with: the one reference that goes up by itself.

``prompt_cache_options.comparison_response_id`` is an id of ours, resolved like every other, and goes up as the id that
the upstream itself gave the answer. Raw, it would tell whether another workspace under one key has such a response.
"""

from dataclasses import dataclass
from typing import Any, Final

from chat import lookup
from chat.errors import bad_request
from chat.models import Item, Step
from tenants.access import Principal

Json = dict[str, Any]

_OPTIONS: Final = "prompt_cache_options"
_NAME: Final = "comparison_response_id"


@dataclass(frozen=True)
class Compared:
    """Our id of a response, and what the upstream of that origin calls it."""

    response_id: str
    origin: str = ""
    upstream_id: str = ""


def asked(principal: Principal, request: Json) -> Compared | None:
    """What a request wants to be compared with. Raises ApiError 400: the same for a foreign id and an absent one."""
    wanted = _wanted(request)
    if wanted is None:
        return None
    visible = lookup.responses(principal).filter(stored=True)
    if not isinstance(wanted, str) or "\0" in wanted or not visible.filter(pk=wanted).exists():
        raise bad_request("The response to compare with was not found.", f"{_OPTIONS}.{_NAME}", "response_not_found")
    return _made(wanted)


def still(request: Json) -> Compared | None:
    """The same of a stored request, which was asked when it came."""
    wanted = _wanted(request)
    return _made(wanted) if isinstance(wanted, str) else None


def put(compared: Compared | None, origin: str, body: Json) -> None:
    """Name the response in `body` as the upstream of `origin` does; not at all to one that did not make it.

    Names of upstreams are the workspace's to give: by the name, one of its own could put a word into another's mouth.
    """
    if _wanted(body) is None:
        return
    options = {key: value for key, value in body[_OPTIONS].items() if key != _NAME}
    if compared is not None and origin and compared.origin == origin:
        options[_NAME] = compared.upstream_id
    body[_OPTIONS] = options


def shown(compared: Compared | None, details: Json) -> Json:
    """What an upstream says beside its answer, with the response under the name that its client has for it."""
    if _wanted(details) is None:
        return details
    named = {_NAME: compared.response_id if compared is not None else None}
    return {**details, _OPTIONS: {**details[_OPTIONS], **named}}


def _wanted(body: Json) -> Any:
    options = body.get(_OPTIONS)
    return options.get(_NAME) if isinstance(options, dict) else None


def _made(response_id: str) -> Compared:
    step = Step.objects.filter(response=response_id).exclude(upstream_response_id="").order_by("-n").first()
    if step is None:
        return Compared(response_id)
    makers = {names.get("by") for names in Item.objects.filter(step=step).values_list("upstream", flat=True)} - {None}
    return Compared(response_id, makers.pop() if len(makers) == 1 else "", step.upstream_response_id)
