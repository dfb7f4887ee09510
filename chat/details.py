"""What an upstream says of its answer beside the output, over all steps of a response.

Source: ``Response.moderation`` and ``Response.tool_usage`` of ``openai.types.responses``.
"""

from typing import Any

Json = dict[str, Any]


def merged(before: Json, more: Json) -> Json:
    """The details of a response with those of its next step: a count is summed, a flag stays, else the newest holds."""
    made = {**before, **more}
    for key, merge in (("tool_usage", _summed), ("moderation", _moderated)):
        if isinstance(before.get(key), dict) and isinstance(more.get(key), dict):
            made[key] = merge(before[key], more[key])
    return made


def _summed(before: Json, more: Json) -> Json:
    total = {**before, **more}
    for key, value in before.items():
        also = more.get(key)
        if isinstance(value, dict) and isinstance(also, dict):
            total[key] = _summed(value, also)
        elif _is_number(value):
            total[key] = value + also if _is_number(also) else value
    return total


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _moderated(before: Json, more: Json) -> Json:
    made = {**before, **more}
    for side in ("input", "output"):
        if isinstance(before.get(side), dict) and isinstance(more.get(side), dict):
            made[side] = _judged(before[side], more[side])
    return made


def _judged(before: Json, more: Json) -> Json:
    """One result of two. What was flagged outweighs what could not be judged, and that outweighs what is clean."""
    if "flagged" not in before or "flagged" not in more:
        return max(before, more, key=lambda one: (bool(one.get("flagged")), "flagged" not in one))
    made = {**before, **more, "flagged": bool(before["flagged"] or more["flagged"])}
    for name, merge in (("categories", _either), ("category_scores", _most), ("category_applied_input_types", _union)):
        if isinstance(before.get(name), dict) and isinstance(more.get(name), dict):
            both = before[name].keys() & more[name].keys()
            made[name] = before[name] | more[name] | {one: merge(before[name][one], more[name][one]) for one in both}
    return made


def _either(before: Any, more: Any) -> bool:
    return bool(before or more)


def _most(before: Any, more: Any) -> Any:
    return max(before, more) if _is_number(before) and _is_number(more) else more


def _union(before: Any, more: Any) -> Any:
    if not isinstance(before, list) or not isinstance(more, list):
        return more
    return [*before, *(one for one in more if one not in before)]
