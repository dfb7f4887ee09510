"""The codes that an upstream's failure may carry to the client, and those that a response's ``error`` may have.

Only a code that is listed here is passed on: any other text of an upstream's may hold what it was sent, its key too.
Source: ``ResponseError`` of ``openai.types.responses``.
"""

from typing import Any

import orjson

MOST_OF_A_BODY = 64 * 1024  # bytes that are read of a refusal, to find its code

IMAGE = frozenset(
    {
        *("invalid_image", "invalid_image_format", "invalid_base64_image", "invalid_image_url", "invalid_image_mode"),
        *("image_too_large", "image_too_small", "image_parse_error", "image_file_too_large", "empty_image_file"),
        *("unsupported_image_media_type", "failed_to_download_image", "image_file_not_found"),
    }
)
_POLICY = frozenset(
    {"bio_policy", "misalignment_policy_violation", "image_content_policy_violation", "data_residency_mismatch"}
)
# What a strict client's types know as a response's error.
ENUMERATED = IMAGE | _POLICY | {"server_error", "rate_limit_exceeded", "invalid_prompt", "vector_store_timeout"}
# Others come with an HTTP status, where codes are free, from the models of OpenAI, Azure and gateways.
POLICY = _POLICY | {"content_policy_violation", "content_filter"}
_CONTEXT = "context_length_exceeded"
# The request's own fault, whichever upstream is asked.
REFUSALS = (ENUMERATED - {"server_error", "rate_limit_exceeded"}) | POLICY | {_CONTEXT}
# Source: ``IncompleteDetails`` of ``openai.types.responses.response``.
REASONS = frozenset({"max_output_tokens", "max_messages", "content_filter", "steered"})

_SENTENCES = {
    _CONTEXT: "The request is longer than the model can read. Shorten it, or compact what came before.",
    "vector_store_timeout": "The upstream's vector store did not answer in time. Try again.",
    **dict.fromkeys(IMAGE, "The upstream model cannot use an image of this request."),
    **dict.fromkeys(POLICY, "The upstream's policy does not allow this request."),
}


def sentence(code: str) -> str | None:
    """What to say of a refusal, where its code says more than that."""
    return _SENTENCES.get(code)


def refusal(error: object) -> str | None:
    """The code of an upstream's error, if it is one that may be told."""
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, str) and code in REFUSALS else None


def in_body(content: bytes) -> str | None:
    """The same of the body of an HTTP refusal, of which nothing else is read."""
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    return refusal(body.get("error")) if isinstance(body, dict) else None


def incomplete(details: object) -> dict[str, Any]:
    """Why an upstream ended incomplete, if it is a reason that clients' types know; ours where it is none of them."""
    reason = details.get("reason") if isinstance(details, dict) else None
    if reason is None:
        return {"reason": "max_output_tokens"}  # by far the most frequent one, of servers that do not say
    if isinstance(reason, str) and reason in REASONS:
        return {"reason": reason}
    return {"reason": None, "deny_web:reason": "upstream"}


def of_response(error: dict[str, Any] | None) -> dict[str, Any] | None:
    """A response's ``error`` as clients' types have it: an enumerated code, and ours beside it where it differs."""
    if error is None or error["code"] in ENUMERATED:
        return error
    refused = error["code"] in REFUSALS or error["code"] == "upstream_refused"
    enumerated = "invalid_prompt" if refused else "server_error"
    return {**error, "code": enumerated, "deny_web:code": error["code"]}
