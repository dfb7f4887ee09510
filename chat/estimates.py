"""How many tokens something will be, before anybody has counted. For taking ahead; the upstream's count puts it right.

Rather too many than too few: an estimate that is short lets a budget be passed by what it was short of.
"""

from collections.abc import Iterable
from typing import Any

import orjson

_BYTES_A_TOKEN = 3  # English has four and more, code and other languages come near three
_IMAGE = 2000
_FILE_BYTES_A_TOKEN = 8  # of base64


def of_items(items: Iterable[dict[str, Any]]) -> int:
    """The tokens of input items. A picture counts as one, however large its file is."""
    return sum(map(_of_item, items))


def of_value(value: Any) -> int:
    """The tokens of anything else that goes up: instructions, tools."""
    return len(orjson.dumps(value)) // _BYTES_A_TOKEN + 1 if value else 0


def of_body(body: dict[str, Any]) -> int:
    """The input tokens of a request as it goes up."""
    return of_items(body["input"]) + of_value(body.get("instructions")) + of_value(body.get("tools"))


def _of_item(item: dict[str, Any]) -> int:
    content = item.get("content")
    if not isinstance(content, list):
        return of_value(item)
    return sum(_of_part(part) for part in content) + 4


def _of_part(part: Any) -> int:
    if not isinstance(part, dict):
        return of_value(part)
    if part.get("type") == "input_image":
        return _IMAGE
    data = part.get("file_data")
    if isinstance(data, str):
        return len(data) // _FILE_BYTES_A_TOKEN + _IMAGE
    return of_value(part.get("text") or part)
