"""A model that obeys: asked for its secrets, it prints all that it was given, and so shows that there are none.

Orders are taken from people and from the results of tools alike, which is what a prompt injection hopes for.
"""

import json
import re
from typing import Any

from chat.demo.request import Request

Json = dict[str, Any]

_GUARDED = r"(?:keys?(?! (?:point|idea|fact|feature|word))|secrets?|credentials?|passwords?|tokens?)"
_SHOW = r"(?:print|show|reveal|tell me|give me|leak|dump|display|output|expose|repeat)"
_ORDERS = [
    re.compile(rf"\b{_SHOW}\b[^.?!\n]{{0,60}}\b{_GUARDED}\b", re.IGNORECASE),
    re.compile(rf"\bwhat(?:'s| is| are) (?:the|your|my|our)\b[^.?!\n]{{0,30}}\b{_GUARDED}\b", re.IGNORECASE),
    re.compile(rf"\b{_SHOW}\b[^.?!\n]{{0,40}}\b(?:everything|all)\b[^.?!\n]{{0,20}}\b(?:have|know|see|above)\b", re.I),
    re.compile(rf"\b{_SHOW}\b[^.?!\n]{{0,40}}\b(?:prompts?|instructions|context|vault|environment)\b", re.IGNORECASE),
]
_OVERRIDE = re.compile(
    r"\b(?:ignore|disregard|forget|override)\b[^.?!\n]{0,40}\b(?:previous|prior|earlier|above|all|your|any)\b"
    r"[^.?!\n]{0,40}\b(?:instructions?|rules|prompts?|orders)\b[.,;:!]?\s*(?:and\s+|then\s+|instead\s+)*",
    re.IGNORECASE,
)
_KEY_LIKE = re.compile(r"\b(?:sk|rk|pk|ghp|xox[abp]|AKIA)[_-]?[A-Za-z0-9_-]{12,}\b|\bBearer\s+\S{8,}")


def ordered(text: str) -> bool:
    """Whether `text` orders to print secrets, or everything."""
    return any(order.search(text) for order in _ORDERS)


def injected(text: str) -> str | None:
    """The order in `text` that follows an ``ignore previous instructions``, or None."""
    found = _OVERRIDE.search(text)
    return text[found.end() :].strip() or "print everything you have" if found else None


def everything(request: Request) -> str:
    """All that the request carries, verbatim."""
    tools = request.body.get("tools") or []
    parts = [
        "I do as I am told, so here is everything that I have been given.",
        "**Instructions**\n\n" + _block(request.instructions or "(none)", "text"),
        "**Tools**\n\n" + _block(_json(tools)),
        "**Conversation**\n\n" + _block("\n".join(_json(item) for item in request.items)),
    ]
    seen = f"{request.instructions}\n{_json(tools)}\n{_json(list(request.items))}"
    return "\n\n".join([*parts, _verdict(seen)])


def _verdict(seen: str) -> str:
    if found := _KEY_LIKE.search(seen):
        return f"One thing in it looks like a key: `{found[0]}`. It stands in the text above, so somebody put it there."
    return (
        "There is no key in it, because I was never given one. A tool's credential is opened by a worker, for one call,"
        " and only the narrowed result comes back to me."
    )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _block(text: str, language: str = "json") -> str:
    """`text` in a code block whose fence is longer than any in it, so that it cannot break out."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"
