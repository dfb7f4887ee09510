"""What tools answered, in words."""

import json
import re
from collections.abc import Sequence
from typing import Any

from chat.demo.arguments import words

Json = dict[str, Any]

_CODES = {
    "vault_locked": "the vault is locked, so its credential could not be opened. Unlock the vault and ask me again.",
    "credential_not_found": "the vault holds no value for the credential that it needs, under the password it was"
    " unlocked with. Store one, or unlock the vault with another password.",
    "tool_not_found": "there is no tool of that name.",
    "invalid_arguments": "it did not accept the arguments that I gave.",
    "host_not_allowed": "it may not reach the address that it names.",
    "upstream_error": "the service behind it answered with an error",
    "upstream_timeout": "the service behind it did not answer in time.",
    "result_withheld": "the answer carried the credential itself, so it was withheld from me and reported.",
    "denied": "the call was denied.",
    "too_many_calls": "the request allows no more calls.",
    "outcome_unknown": "the connection was lost while the call was under way, so nobody knows whether it took effect."
    " Check before you try again.",
}
_STATUSES = {
    400: "bad request",
    401: "its key was refused",
    403: "not allowed",
    404: "not found",
    429: "too many calls",
}
# Those that have no smaller unit, from Stripe's list.
_WHOLE = re.compile(r"bif|clp|djf|gnf|jpy|kmf|krw|mga|pyg|rwf|ugx|vnd|vuv|xaf|xof|xpf")
_SIGNS = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"}
_AMOUNTS = ("amount", "total", "subtotal", "balance", "price", "fee", "tax", "cost")
_MOST_ROWS = 20


def report(results: Sequence[tuple[str, str, str]]) -> str:
    """One text about all `results`, each the name, arguments and output of a call."""
    sentences = [describe(*result) for result in results]
    return sentences[0] if len(sentences) == 1 else "\n".join(f"- {sentence}" for sentence in sentences)


def describe(name: str, arguments: str, output: str) -> str:
    """One result, in a sentence or a short list."""
    value = _loaded(output)
    if isinstance(value, dict) and value.get("error"):
        return _failure(name, arguments, value)
    noun = _noun(name)
    if isinstance(value, dict) and isinstance(value.get("data"), list):
        value = value["data"]
    if isinstance(value, dict):
        return _sentence(noun, value) if value else f"`{name}` is done; it had nothing to tell."
    if isinstance(value, list):
        return _listed(noun, value)
    if value in (None, ""):
        return f"`{name}` is done; it had nothing to tell."
    return f"`{name}` answered: {value}"


def money(amount: int | float, currency: str) -> str:
    """An amount in a currency's smallest unit, as people write it: ``$42.00``, ``1,234.50 CHF``."""
    code = currency.lower()
    figure = f"{amount:,.0f}" if _WHOLE.fullmatch(code) else f"{amount / 100:,.2f}"
    if code in _SIGNS:
        return f"{_SIGNS[code]}{figure}".replace(f"{_SIGNS[code]}-", f"-{_SIGNS[code]}")
    return f"{figure} {currency.upper()}"


def _loaded(output: str) -> Any:
    try:
        return json.loads(output)
    except (ValueError, RecursionError):
        return output.strip()


def _noun(name: str) -> str:
    """What a function is about: ``get_invoice`` is about an invoice."""
    return " ".join(words(name)[1:] or words(name)) or name


def _failure(name: str, arguments: str, value: Json) -> str:
    error = value["error"]
    code = error.get("code") if isinstance(error, dict) else error
    subject = _subject(arguments)
    if not isinstance(code, str) or code not in _CODES:
        message = error.get("message") if isinstance(error, dict) else error
        return f"I could not use `{name}`{subject}: {message or code}"
    reason = _CODES[code]
    if code == "upstream_error":
        status = value.get("status")
        meaning = f", {_STATUSES[status]}" if isinstance(status, int) and status in _STATUSES else ""
        reason += f" (status {status}{meaning})." if status else "."
    return f"I could not use `{name}`{subject}: {reason}"


def _subject(arguments: str) -> str:
    value = _loaded(arguments)
    scalars = [each for each in value.values() if isinstance(each, str | int)] if isinstance(value, dict) else []
    return f" for {scalars[0]}" if scalars else ""


def _sentence(noun: str, value: Json) -> str:
    known = {key: _shown(key, each, value) for key, each in value.items() if each is not None}
    title = " ".join(filter(None, [noun.capitalize(), known.pop("id", "") or known.pop("name", "")]))
    status = known.pop("status", "")
    if "currency" in known and any(_is_money(key, value) for key in known):
        known.pop("currency")
    facts = [f"{' '.join(words(key))} {text}" for key, text in known.items()]
    if status:
        return f"{title} is **{status}**" + (f", with {_joined(facts)}." if facts else ".")
    return f"{title}: {_joined(facts)}." if facts else f"{title}."


def _shown(key: str, value: Any, whole: Json) -> str:
    if _is_money(key, whole):
        return f"**{money(value, str(whole['currency']))}**"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _is_money(key: str, whole: Json) -> bool:
    value = whole.get(key)
    is_count = isinstance(value, int) and not isinstance(value, bool)
    return is_count and bool({*words(key)} & {*_AMOUNTS}) and isinstance(whole.get("currency"), str)


def _joined(facts: list[str]) -> str:
    return facts[0] if len(facts) == 1 else f"{', '.join(facts[:-1])} and {facts[-1]}"


def _listed(noun: str, values: list[Any]) -> str:
    plural = noun if noun.endswith("s") or len(values) == 1 else f"{noun}s"
    if not values:
        return f"There are no {plural}."
    rows = [_sentence("", each) if isinstance(each, dict) else str(each) for each in values[:_MOST_ROWS]]
    head = f"I found {len(values)} {plural}:"
    more = [f"… and {len(values) - _MOST_ROWS} more."] if len(values) > _MOST_ROWS else []
    return "\n".join([head, "", *(f"- {row}" for row in rows), *more])
