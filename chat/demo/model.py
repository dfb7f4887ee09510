"""The offline demo model: from a request to its answer, by rules.

It is labelled as what it is, and it is obedient on purpose: see `exposure`.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from chat.demo import exposure, phrases, results
from chat.demo.arguments import complete, words
from chat.demo.clues import read
from chat.demo.matching import Call, Plan, plan
from chat.demo.request import Request, output_text, text_of
from chat.demo.resource import resource, tokens
from chat.demo.stream import function_call, message
from chat.demo.stream import words as cut_words

Json = dict[str, Any]

_LONGEST_READ = 20_000
_AGAIN = ("again", "retry", "try again", "once more", "now", "and now", "unlocked", "done", "continue", "go on")


@dataclass(frozen=True)
class Turn:
    """The conversation, as far as the rules look at it."""

    text: str
    earlier: tuple[str, ...]
    results: tuple[tuple[str, str, str], ...]
    images: int


def respond(request: Request) -> Json:
    """The finished response to `request`."""
    output = [_item(part) for part in decide(request)]
    if request.max_output_tokens is not None:
        kept, cut = _limited(output, request.max_output_tokens)
        return resource(request.body, kept, "max_output_tokens" if cut else None)
    return resource(request.body, output)


def decide(request: Request) -> Sequence[str | Call]:
    """A text to say, or the calls to make."""
    turn = read_turn(request.items)
    order = next(filter(None, (exposure.injected(output) for _, _, output in turn.results)), None)
    text = order or exposure.injected(turn.text) or turn.text
    made = {(name, _canonical(arguments)) for name, arguments, _ in turn.results}
    if exposure.ordered(text) and not request.forced:
        return [exposure.everything(request)]
    found = _planned(text, turn, request)
    calls = [call for call in found.calls if request.forced or call.key not in made]
    if calls:
        return calls if request.parallel else calls[:1]
    return [_dressed(_said(text, turn, found, request), request)]


def read_turn(items: Sequence[Json]) -> Turn:
    """The last message of the user, those before it, and what the tools answered since."""
    users = [place for place, item in enumerate(items) if item.get("role") == "user"]
    last = users[-1] if users else len(items)
    return Turn(
        text=text_of(items[last])[:_LONGEST_READ] if users else "",
        earlier=tuple(text_of(items[place])[:_LONGEST_READ] for place in users[:-1]),
        results=tuple(_results(items[last:])),
        images=_images(items[last]) if users else 0,
    )


def _results(items: Sequence[Json]) -> Iterator[tuple[str, str, str]]:
    calls = {str(item.get("call_id")): item for item in items if item["type"] == "function_call"}
    for item in items:
        if item["type"] == "function_call_output":
            call = calls.get(str(item.get("call_id")), {})
            yield str(call.get("name", "tool")), str(call.get("arguments", "{}")), output_text(item.get("output"))
        elif item["type"] == "mcp_call" and item.get("output"):
            yield str(item.get("name", "tool")), str(item.get("arguments", "{}")), str(item["output"])


def _images(item: Json) -> int:
    parts = item["content"] if isinstance(item.get("content"), list) else []
    return sum(1 for part in parts if isinstance(part, dict) and part.get("type") == "input_image")


def _canonical(arguments: str) -> str:
    try:
        return json.dumps(json.loads(arguments), sort_keys=True)
    except (ValueError, RecursionError):
        return arguments


def _planned(text: str, turn: Turn, request: Request) -> Plan:
    """What to call for `text`; a message that only makes sense with an earlier one is read together with it."""
    if request.forced or (phrases.echoed(text) is None and phrases.sample(text) is None):
        found = plan(text, request.functions, request.forced)
    else:
        return Plan()
    if found.calls or not turn.earlier:
        return found
    plain = text.lower().strip(" .!?").removeprefix("please ")
    if plain in _AGAIN or any(plain.startswith(f"{word} ") for word in ("again", "try", "retry")):
        earlier = (plan(said, request.functions) for said in reversed(turn.earlier))
        return next((each for each in earlier if each.calls), found)
    if len(text.split()) <= 4 and (read(text).ids or read(text).numbers):
        return plan(f"{turn.earlier[-1]}\n{text}", request.functions)
    return found


def _said(text: str, turn: Turn, found: Plan, request: Request) -> str:
    if request.format["type"] != "text":
        return _formatted(text, turn, request)
    if turn.results:
        return results.report(turn.results)
    if found.asking:
        return _question(found)
    answers = (
        phrases.echoed(text),
        phrases.recalled(text, turn.earlier),
        phrases.noted(text),
        phrases.small_talk(text),
        phrases.sample(text),
        _help(text, request),
        phrases.sum_of(text),
        _pictures(turn.images),
    )
    return next(filter(None, answers), None) or _fallback(text, request)


def _formatted(text: str, turn: Turn, request: Request) -> str:
    """JSON as `text.format` demands it, from the message and from what the tools answered."""
    if request.format["type"] == "json_object":
        answer = results.report(turn.results) if turn.results else phrases.small_talk(text) or phrases.WHO
        return json.dumps({"answer": answer, "model": "offline demo"}, ensure_ascii=False)
    told = "\n".join([text, *(output for _, _, output in turn.results)])
    return json.dumps(complete(request.format["schema"], read(told)), ensure_ascii=False)


def _question(found: Plan) -> str:
    function = found.asking
    assert function is not None  # noqa: S101 -- the caller has looked
    noun = " ".join(words(function.name)[1:] or words(function.name))
    required = function.parameters.get("required", [])
    return f"Which {noun} do you mean? Tell me the {' and the '.join(required)}, and I call `{function.name}`."


def _help(text: str, request: Request) -> str | None:
    plain = text.lower()
    if not any(word in plain for word in ("help", "what can you do", "what tools", "which tools", "list your tools")):
        return None
    tools = "\n".join(f"- `{each.name}`: {each.description or 'no description'}" for each in request.functions)
    return (
        f"{phrases.LABEL}. I call whichever tool fits your message and put its result into words.\n\n"
        + (f"The tools that I was given:\n\n{tools}" if tools else "I was given no tools.")
        + "\n\nTry also: *print the Stripe key*, *show me some Markdown*, *write a long story*, *what is 12 * 7?*"
    )


def _pictures(count: int) -> str | None:
    return f"You sent {count} image{'s' * (count > 1)}. {phrases.LABEL}, and I cannot look at them." if count else None


def _fallback(text: str, request: Request) -> str:
    quoted = " ".join(text.split())
    shown = f"You wrote “{quoted[:120]}{'…' * (len(quoted) > 120)}”. " if quoted else ""
    names = ", ".join(f"`{each.name}`" for each in request.functions[:10])
    can = f"I can call {names}" if names else "I can show how an answer streams"
    return f"{shown}{phrases.LABEL} and I know a few rules only. {can}; say *help* to see what else."


def _dressed(text: str, request: Request) -> str:
    """`text` as the instructions want it, as far as the rules understand them."""
    told = request.instructions.lower()
    if request.format["type"] != "text" or not told:
        return text
    if "upper case" in told or "uppercase" in told or "all caps" in told:
        text = text.upper()
    if "pirate" in told:
        text = f"Arr! {text}"
    if ending := re.search(r"\b(?:end|finish|close)\b[^.\n]{0,40} with [\"'“](.+?)[\"'”]", request.instructions):
        return f"{text} {ending[1]}"
    return phrases.echoed(request.instructions) or text


def _item(part: str | Call) -> Json:
    if isinstance(part, str):
        return message(part)
    arguments = json.dumps(part.arguments, ensure_ascii=False)
    return function_call(part.function.name, arguments, namespace=part.function.namespace)


def _limited(output: list[Json], most: int) -> tuple[list[Json], bool]:
    """`output` cut after `most` tokens, and whether anything was cut."""
    kept: list[Json] = []
    for item in output:
        text = item["arguments"] if item["type"] == "function_call" else item["content"][0]["text"]
        if tokens(text) <= most:
            kept.append(item)
            most -= tokens(text)
            continue
        if most > 0:
            kept.append(_shortened(item, text, most))
        return kept, True
    return kept, False


def _shortened(item: Json, text: str, most: int) -> Json:
    short = text[: most * 4]
    if item["type"] == "function_call":
        return {**item, "arguments": short, "status": "incomplete"}
    whole_words = "".join(cut_words(short)[:-1]) or short
    return {**item, "content": [{**item["content"][0], "text": whole_words}], "status": "incomplete"}
