"""What the demo model says without a tool: small talk, samples of Markdown, a story, sums, and what it was told."""

import itertools
import operator
import re
from collections.abc import Sequence

LABEL = "I am the offline demo model"

HELLO = f"Hello! {LABEL}: rules, not a language model, so everything here works without a key or a network."
WHO = (
    f"{LABEL}. I am a small set of rules that runs on this machine and stands in for a real model: no network, no key,"
    " no cost. Connect OpenAI, Ollama or any other Responses API in the console under Models, and this workspace"
    " answers with that instead."
)
THANKS = "You are welcome."
BYE = "Goodbye!"
FINE = f"All is well, thank you. {LABEL}, so my days are much alike."
JOKE = "Why did the vault go to therapy? It had too many things locked inside."

TABLE = """| Part | Sees the credential | Why |
|---|---|---|
| Model | no | it is given results only |
| Web process | no | it hands ids to the worker |
| Tools worker | for one call | it opens the vault, calls, and forgets |"""

CODE = '''```python
def total(invoices: list[dict]) -> int:
    """The sum of what is due, in cents."""
    return sum(invoice["amount_due"] for invoice in invoices if invoice["status"] == "open")
```'''

LIST = """1. Unlock the vault.
2. Ask for an invoice.
3. Look at both sides of the tool call:
   - what the model saw,
   - what the API got."""

MARKDOWN = f"""## A sample of Markdown

Some words are **bold**, some are *slanted*, some are `code`, and [some are a link](https://example.com/).

{LIST}

{TABLE}

{CODE}

> A quotation, to end with, and a formula: $a^2 + b^2 = c^2$."""

STORY = """The lighthouse at Farrow Point had been dark for eleven years when Ines rowed out to it with a lamp, a bag \
of oranges and a letter that she had not yet opened.

The letter came from the harbour office. She knew what such letters said: that the light was no longer needed, that \
ships found their way by other means, that the rock would be sold to somebody who liked the view. So she put it under \
the oranges and climbed the stairs, one hundred and twelve of them, counting aloud as her grandmother had taught her.

At the top the glass was grey with salt. She wiped one pane and saw the whole bay: the fishing boats coming home in a \
line, the church, the long sandbank that moved a little every winter and was on nobody's map. That was the thing that \
the other means did not know. The sandbank had been there, and now it was here.

She cleaned the lens until dark. It took nine oranges and most of her patience. Then she trimmed the wick, lit it, and \
pushed the great brass frame with both hands. It groaned, it stuck, it gave way. The beam went out over the water like \
a slow white arm.

Down in the bay the first boat altered course, then the second, then all of them, a string of small lights bending \
around something that could not be seen. Nobody had told them to. They had simply found that they could see, and had \
stopped guessing.

Near midnight there were steps on the stairs. It was Teo from the harbour office, out of breath, with wet boots and a \
lantern. He had counted too, he said, and made it one hundred and eleven. She told him to go down and try again.

He laughed and sat on the top step. Had she read the letter? She had not. He took it from under the last orange and \
gave it to her, and she held it to the light that swung past them every eight seconds, a line at a time.

It did not say what she thought. The sandbank had taken two boats in the autumn. They asked whether she, who knew the \
stairs, would keep the lamp.

Ines read it twice, which took a while. Then she peeled the orange, gave Teo one half, and wound the clockwork for the \
night. "Tell them," she said, "that it is one hundred and twelve." """.rstrip()

_OPERATORS = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "\u00d7": operator.mul,
    "/": operator.truediv,
    "\u00f7": operator.truediv,
}
_REMEMBERED = re.compile(r"\b(my|the|our) ([a-z][a-z ]{1,30}?) (?:is|are) ([^.!?\n]{1,80})", re.IGNORECASE)
_RECALLED = re.compile(
    r"\b(?:what(?:'s| is| was| are)|tell me|remember) (my|the|our) ([a-z][a-z ]{1,30}?)\s*[?.!]*$", re.IGNORECASE
)
_ECHOES = [
    re.compile(pattern, re.IGNORECASE | re.DOTALL)
    for pattern in (
        r"\b(?:repeat|say|echo|reply|respond|answer)\b[^\"“'\n]{0,40}[\"“'](.+?)[\"”'](?!\w)",
        r"\b(?:repeat|say|echo|reply|respond|answer|write|print)\b[^:\n\"]{0,60}:\s*(.+)",
        r"^\s*(?:please )?(?:say|echo|repeat)\s+(?:just |only |exactly )?([^\s\n].{0,60}?)[.!]?\s*$",
        r"\b(?:reply|respond|answer)\s+(?:only |just )?with (?:only |just )?(?:the word )?(\w+)[.!]?\s*$",
    )
]


def story(wanted: int | None) -> str:
    """About four hundred words, or the number `wanted`, by telling it again."""
    if wanted is None:
        return STORY
    wanted = max(1, min(wanted, 20_000))
    told = re.findall(r"\S+\s*", f"{STORY}\n\nAnd once more: ")
    return "".join(itertools.islice(itertools.cycle(told), wanted)).rstrip()


def small_talk(text: str) -> str | None:
    """An answer to what people say to try a chat, or None."""
    plain = re.sub(r"[^a-z' ]", "", text.lower()).strip()
    for pattern, answer in (
        (r"(hi|hello|hey|good (morning|evening|afternoon)|greetings|hi there|hello there)( .{0,20})?", HELLO),
        (r"(thanks|thank you|thx|great|perfect|cool|nice|ok|okay)( .{0,30})?", THANKS),
        (r"(bye|goodbye|see you|good night).{0,20}", BYE),
        (r"how are you.{0,20}|how do you do|whats up", FINE),
        (r".*\b(who|what) are you\b.*|.*\b(which|what) model\b.*|.*\bare you (a|an|the|real|gpt|openai).*", WHO),
        (r".*\bjoke\b.*", JOKE),
    ):
        if re.fullmatch(pattern, plain):
            return answer
    return None


def sample(text: str) -> str | None:
    """A piece of Markdown or a long text where one is asked for."""
    plain = text.lower()
    if not re.search(r"\b(show|write|give|make|draw|tell|print|demo|example|sample|need|want|create)\b", plain):
        return None
    if re.search(r"\b(story|essay|novel|long (answer|text|reply)|poem|\d+ words)\b", plain):
        found = re.search(r"(\d{1,6})[ -]words?", plain)
        return story(int(found[1]) if found else None)
    for word, piece in (("markdown", MARKDOWN), ("table", TABLE), ("code", CODE), ("list", LIST)):
        if re.search(rf"\b{word}\b", plain):
            return piece
    return None


def sum_of(text: str) -> str | None:
    """The value of the first sum in `text`, worked out from left to right products before sums."""
    number = r"\d{1,15}(?:\.\d{1,15})?"
    found = re.search(rf"(?<![\d.])-?{number}(?:\s*[-+*/\u00d7\u00f7]\s*{number}){{1,50}}(?!\d)", text)
    if not found:
        return None
    parts = re.findall(r"(?:(?<=^)-)?\d+(?:\.\d+)?|[-+*/\u00d7\u00f7]", found[0])
    divisors = [parts[place + 1] for place, part in enumerate(parts) if part in "\u00f7/"]
    if any(float(divisor) == 0 for divisor in divisors):
        return "Nothing can be divided by zero."
    for signs in ("*\u00d7/\u00f7", "+-"):
        parts = _worked_out(parts, signs)
    return f"{found[0]} = {float(parts[0]):.10g}"


def _worked_out(parts: list[str], signs: str) -> list[str]:
    done = parts[:1]
    for sign, number in zip(parts[1::2], parts[2::2], strict=False):
        if sign in signs:
            done[-1] = repr(_OPERATORS[sign](float(done[-1]), float(number)))
        else:
            done += [sign, number]
    return done


def recalled(text: str, earlier: Sequence[str]) -> str | None:
    """What the conversation said about ``my name`` or ``the code word``, where `text` asks for it."""
    asked = _RECALLED.search(text)
    if not asked:
        return None
    for message in reversed(earlier):
        for _, noun, value in reversed(_REMEMBERED.findall(message)):
            if noun.lower() == asked[2].lower():
                whose = {"my": "Your", "our": "Your"}.get(asked[1].lower(), "The")
                return f"{whose} {noun} is {value.strip()}."
    return None


def noted(text: str) -> str | None:
    """A nod to ``my name is Alice``, which `recalled` finds again."""
    found = _REMEMBERED.match(text.strip())
    if not found or text.rstrip().endswith("?"):
        return None
    whose = "your" if found[1].lower() in ("my", "our") else "the"
    return f"Noted: {whose} {found[2]} is {found[3].strip()}."


def echoed(text: str) -> str | None:
    """What `text` asks to be said, word for word."""
    found = next(filter(None, (pattern.search(text) for pattern in _ECHOES)), None)
    return found[1] if found else None
