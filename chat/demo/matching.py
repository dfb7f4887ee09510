"""Which of the given functions fits a message, and the calls that follow from it."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chat.demo.arguments import NOUNS, Filled, fill, words
from chat.demo.clues import Clues, read
from chat.demo.request import Function

Json = dict[str, Any]

# The verbs of function names, with what people say for them. The second kind changes things, so that the message has
# to say its verb, or another of the same meaning.
_ASKING = {
    "get": "get look lookup find fetch show read retrieve check see open what tell give how",
    "list": "list all every which show",
    "search": "search find look google",
    "calculate": "calculate compute evaluate work sum plus minus times divided",
    "convert": "convert translate exchange",
}
_CHANGING = {
    "create": "create make add new write open",
    "send": "send mail email notify remind tell message",
    "delete": "delete remove drop erase",
    "update": "update change set edit modify rename",
    "cancel": "cancel stop abort void",
    "pay": "pay settle charge",
    "refund": "refund reimburse return",
    "book": "book reserve schedule",
    "run": "run execute start launch",
}
_SAME = {"fetch": "get", "find": "get", "read": "get", "lookup": "get", "retrieve": "get", "show": "get"}
_SAME |= {"add": "create", "make": "create", "new": "create", "remove": "delete", "set": "update", "query": "search"}
_SAME |= {"edit": "update", "notify": "send", "email": "send", "compute": "calculate", "evaluate": "calculate"}
_SPOKEN = {verb: frozenset(said.split()) for verb, said in (_ASKING | _CHANGING).items()}
_STOP = frozenset(
    re.findall(
        r"\w+",
        """a an and are as at be by can could do does for from has have i if in is it its me my of on or our please that
        the their them then there these this to us using was we were will with would you your api call function tool
        use id given returns return current about""",
    )
)
_ENOUGH = 3
_VERBS = "|".join(sorted({word for said in _SPOKEN.values() for word in said} - {"all", "every", "which", "sum"}))
_CLAUSES = re.compile(rf"(?:[,;.]| and|, and| then|, then) +(?:then +)?(?=(?:{_VERBS}) )", re.IGNORECASE)


@dataclass(frozen=True)
class Call:
    """A function to call, with its arguments."""

    function: Function
    arguments: Json

    @property
    def key(self) -> tuple[str, str]:
        """Equal for equal calls, so that none is made twice in a turn."""
        return self.function.name, json.dumps(self.arguments, sort_keys=True)


@dataclass(frozen=True)
class Plan:
    """The calls that a message asks for; `asking` is the function that fits, but lacks what only a person can tell."""

    calls: tuple[Call, ...] = ()
    asking: Function | None = None


@dataclass(frozen=True)
class _Fit:
    function: Function
    filled: Filled
    score: int
    nouns: frozenset[str]
    topics: frozenset[str]


def plan(text: str, functions: Sequence[Function], forced: bool = False) -> Plan:
    """What to call for `text`. Where a call is `forced` there is always one, made up if need be."""
    clauses = [] if forced else [_plan(clause, functions) for clause in _CLAUSES.split(text)]
    if len(clauses) > 1 and all(each.calls for each in clauses):
        return Plan(tuple(call for each in clauses for call in each.calls))
    return _plan(text, functions, forced)


def _plan(text: str, functions: Sequence[Function], forced: bool = False) -> Plan:
    clues = read(text, {function.name for function in functions})
    said = _said(clues)
    fits = sorted((_fit(function, clues, said) for function in functions), key=lambda fit: -fit.score)
    if not fits:
        return Plan()
    best = fits[0]
    if best.score < _ENOUGH and not forced:
        lacking = bool(best.filled.missing) and best.score + 3 >= _ENOUGH and bool(best.nouns & said)
        return Plan(asking=best.function if lacking else None)
    chosen, seen = [best], best.topics
    for fit in [] if forced else fits[1:]:
        # Another thing that the message names, not another way to the same thing.
        if fit.score >= _ENOUGH and fit.topics - seen and not fit.filled.missing:
            chosen.append(fit)
            seen |= fit.topics
    return Plan(tuple(Call(fit.function, arguments) for fit in chosen for arguments in fit.filled.calls))


def _said(clues: Clues) -> frozenset[str]:
    """The words of a message, in a plain form, with the nouns that its ids stand for."""
    plain = {_stem(word) for word in re.findall(r"[a-z]+", clues.text.lower())} - _STOP
    plain |= {NOUNS[each.split("_")[0]] for each in clues.ids if each.split("_")[0] in NOUNS}
    return frozenset(plain | ({"calculate", "math", "calculator"} if clues.sums else set()))


def _fit(function: Function, clues: Clues, said: frozenset[str]) -> _Fit:
    filled = fill(function.parameters, clues, function.name)
    name = words(function.name)
    verbs = {_SAME.get(word, word) for word in name if _SAME.get(word, word) in _SPOKEN}
    nouns = frozenset(_stem(word) for word in name if _SAME.get(word, word) not in _SPOKEN) - _STOP
    described = {_stem(word) for word in re.findall(r"[a-z]+", function.description.lower())} - _STOP - nouns
    parameters = {_stem(word) for each in function.parameters.get("properties", {}) for word in words(each)} - _STOP
    spoken = {verb for verb in verbs if _SPOKEN[verb] & said}
    score = 3 * min(2, len(nouns & said)) + (2 if nouns else 3) * len(spoken)
    score += min(3, len(described & said)) + min(2, len(parameters & said))
    score += 0 if filled.missing else int(bool(function.parameters.get("required")))
    score -= 3 * len(filled.missing)
    if verbs & _CHANGING.keys() and not spoken:
        score -= 2 * _ENOUGH
    if not (nouns & said or len(described & said) > 1 or (spoken and not nouns)):
        score = min(score, _ENOUGH - 1)
    return _Fit(function, filled, score, nouns, (nouns & said) | (spoken & _CHANGING.keys()))


def _stem(word: str) -> str:
    """Close enough to the singular: ``invoices`` and ``invoice`` are one word, ``address`` stays."""
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
