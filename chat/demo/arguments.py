"""A function's arguments, taken from a message."""

import json
import re
from dataclasses import dataclass, replace
from typing import Any

from chat.demo.clues import Clues
from chat.demo.schema_values import kind, nullable, resolve, value_for

Json = dict[str, Any]

# What the ids of payment services start with, and what they name.
NOUNS = {
    "in": "invoice",
    "cus": "customer",
    "ch": "charge",
    "py": "payment",
    "pi": "payment",
    "pm": "payment",
    "sub": "subscription",
    "prod": "product",
    "price": "price",
    "re": "refund",
    "acct": "account",
    "ord": "order",
    "usr": "user",
}

_IDS = {"id", "ids", "identifier", "number", "no", "code", "reference", "ref", "key"} | set(NOUNS.values())
_EMAILS = {"email", "emails", "mail", "recipient", "recipients", "to", "sender"}
_URLS = {"url", "uri", "link", "website", "webpage"}
_DATES = {"date", "day", "since", "until", "after", "before", "when", "deadline", "start", "end"}
_PLACES = {"location", "city", "place", "country", "region", "where", "town", "destination", "origin"}
_NAMES = {"name", "names", "person", "people", "participants", "attendees", "author", "user", "username", "company"}
_TEXTS = {"query", "q", "search", "text", "message", "prompt", "question", "content", "body", "comment", "note"}
_TEXTS |= {"notes", "title", "subject", "description", "input", "term", "keyword", "keywords", "topic", "reason"}
_SUMS = {"expression", "formula", "equation", "calculation", "sum"}
_MOST_CALLS = 8
_DEEPEST = 3


@dataclass(frozen=True)
class Filled:
    """Arguments of one or more calls, and the required names that the message says nothing about."""

    calls: list[Json]
    missing: list[str]


def words(name: str) -> list[str]:
    """The lower-case words of a name such as ``getInvoice_byId``."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return [word.lower() for word in re.split(r"[^A-Za-z0-9]+", spaced) if word]


def fill(parameters: Json, clues: Clues, about: str = "", depth: int = 0) -> Filled:
    """Arguments for an object schema: one set, or several where the message names several things.

    `about` is the function's name, which tells an invoice's id from a customer's. What is required and not in the
    message gets the schema's simplest value, and is listed in `missing`.
    """
    schema = resolve(parameters, parameters)
    required, properties = schema.get("required", []), schema.get("properties", {})
    # In "the weather in Paris in celsius" the second is no place.
    units = {str(value).lower() for part in properties.values() for value in part.get("enum", [])}
    clues = replace(clues, places=tuple(each for each in clues.places if each.lower() not in units))
    filled: Json = {}
    several: tuple[str, list[Any]] | None = None
    missing: list[str] = []
    for name in dict.fromkeys([*properties, *required]):
        part = resolve(properties.get(name, {}), parameters)
        found = candidates(name, part, clues, parameters, about, depth)
        if found:
            filled[name] = found[0]
            if len(found) > 1 and several is None and name in required and _names_things(name, part):
                several = (name, found[:_MOST_CALLS])
        elif name in required:
            filled[name] = None if nullable(part) else value_for(part, parameters)
            if not (nullable(part) or "default" in part):
                missing.append(name)
    if several is None:
        return Filled([filled], missing)
    name, values = several
    return Filled([{**filled, name: value} for value in values], missing)


def complete(schema: Json, clues: Clues) -> Any:
    """A value of any schema, all of its properties filled: from the message where it can be, else the simplest."""
    return _complete("", schema, clues, schema, 0)


def candidates(name: str, schema: Json, clues: Clues, root: Json, about: str = "", depth: int = 0) -> list[Any]:
    """The values in the message that `schema` accepts, best first; empty where there is none."""
    if depth > _DEEPEST:
        return []
    if "const" in schema:
        return [schema["const"]]
    if "enum" in schema:
        return _mentioned(schema["enum"], clues)
    if "type" not in schema and "anyOf" in schema:
        options = [resolve(option, root) for option in schema["anyOf"]]
        return [value for option in options for value in candidates(name, option, clues, root, about, depth + 1)]
    if kind(schema) == "array":
        items = candidates(name, resolve(schema.get("items", {}), root), clues, root, about, depth + 1)
        return [items[: schema.get("maxItems", _MOST_CALLS)]] if len(items) >= max(1, schema.get("minItems", 0)) else []
    if kind(schema) == "object":
        named: Json = {key: root[key] for key in ("$defs", "definitions") if key in root}
        inner = fill({**named, **schema}, clues, about, depth + 1)
        return inner.calls[:1] if inner.calls[0] and not inner.missing else []
    finders = {"integer": _numbers, "number": _numbers, "boolean": _booleans, "string": _strings}
    finder = finders.get(kind(schema))
    return finder(name, schema, clues, about) if finder else []


def _complete(name: str, schema: Json, clues: Clues, root: Json, depth: int) -> Any:
    schema = resolve(schema, root)
    properties = schema.get("properties", {})
    if kind(schema) == "object" and properties and depth < 3:
        return {key: _complete(key, part, clues, root, depth + 1) for key, part in properties.items()}
    found = candidates(name, schema, clues, root)
    return found[0] if found else value_for(schema, root)


def _names_things(name: str, schema: Json) -> bool:
    """Whether several values mean several calls: an id, an address or a place, but not a text or an amount."""
    if kind(schema) != "string":
        return False
    return bool({*words(name)} & (_IDS | _EMAILS | _PLACES)) or "pattern" in schema


def _mentioned(values: list[Any], clues: Clues) -> list[Any]:
    text = clues.text.lower()
    return [value for value in values if value is not None and re.search(rf"\b{re.escape(str(value).lower())}\b", text)]


def _labelled(name: str, clues: Clues) -> list[str]:
    """What follows the parameter's name: ``priority: high``, ``quantity of 3``."""
    label = r"[ _-]?".join(re.escape(word) for word in words(name))
    found = re.search(
        rf"\b{label}\b(?: (?:is|of|to)\b|\s*[:=])\s*[\"'“]?([\w.@:/-]*\w(?:,\d{{3}})*)", clues.text, re.IGNORECASE
    )
    return [found[1]] if found else []


def _numbers(name: str, schema: Json, clues: Clues, _about: str) -> list[Any]:
    labelled = [text.replace(",", "") for text in _labelled(name, clues)]
    values: list[int | float] = [float(text) for text in labelled if re.fullmatch(r"-?\d{1,15}(\.\d{1,15})?", text)]
    values += clues.numbers
    if kind(schema) == "integer":
        values = [int(value) for value in values if value == int(value)]
    low, high = schema.get("minimum"), schema.get("maximum")
    values = [value for value in values if (low is None or value >= low) and (high is None or value <= high)]
    low, high = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    return [value for value in values if (low is None or value > low) and (high is None or value < high)][:1]


def _booleans(name: str, _schema: Json, clues: Clues, _about: str) -> list[Any]:
    last = words(name)[-1:]
    if not last or not (found := re.search(rf"\b(?:(not|no|without|don't)\s+)?{last[0]}", clues.text, re.IGNORECASE)):
        return []
    return [not found[1]]


def _strings(name: str, schema: Json, clues: Clues, about: str) -> list[Any]:
    values = [*_labelled(name, clues), *_by_meaning(name, schema, clues, about)]
    return [value for value in dict.fromkeys(values) if _accepts(schema, value)]


def _by_meaning(name: str, schema: Json, clues: Clues, about: str) -> list[str]:
    meaning = {*words(name)}
    shape = str(schema.get("format", ""))
    if "email" in shape or meaning & _EMAILS:
        return [*clues.emails]
    if shape in ("uri", "url") or meaning & _URLS:
        return [*clues.urls]
    if shape.startswith("date"):
        return [date if shape == "date" or "T" in date else f"{date}T00:00:00Z" for date in clues.dates]
    if meaning & _SUMS:
        return [*clues.sums]
    if meaning & _PLACES:
        return [*clues.names, *([] if clues.names else clues.places), *clues.quoted]
    if meaning & _IDS:
        return [*_ids(name, clues, about), *clues.quoted, *(_plain_numbers(clues) if not clues.ids else [])]
    if meaning & _DATES:
        return [*clues.dates]
    if meaning & _NAMES:
        return [*clues.quoted, *clues.names]
    if meaning & _TEXTS:
        return [*clues.quoted, _asked(clues.text)]
    return [*clues.quoted, *(clues.ids if "pattern" in schema else ())]


def _ids(name: str, clues: Clues, about: str) -> list[str]:
    """The ids that name what the parameter or the function is about; all of them where none says what it names."""
    wanted = {word.removesuffix("s") for word in (*words(name), *words(about))}
    nouns = {each: NOUNS.get(each.split("_")[0], "") for each in clues.ids}
    own = {word.removesuffix("s") for word in words(name)} & set(NOUNS.values())
    fitting = [each for each, noun in nouns.items() if noun in (own or wanted)]
    return fitting or [each for each, noun in nouns.items() if not noun]


def _plain_numbers(clues: Clues) -> list[str]:
    return [json.dumps(number) for number in clues.numbers]


def _asked(text: str) -> str:
    """The message without the words that only ask for the search: ``search for llamas`` is ``llamas``."""
    found = re.search(r"\b(?:for|about|saying|that says|on)\s+(.+)", text, re.DOTALL)
    return (found[1] if found else text).strip().rstrip("?.!")


def _accepts(schema: Json, value: str) -> bool:
    if len(value) < schema.get("minLength", 0) or len(value) > schema.get("maxLength", len(value)):
        return False
    try:
        return "pattern" not in schema or bool(re.search(schema["pattern"], value))
    except re.error:
        return True
