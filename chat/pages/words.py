"""The chat page's sentences, in one place for the server's templates and the page's scripts.

A sentence says what happened, what was kept, and what to do.
"""

from typing import Any, Final

from chat.providers import codes

Words = dict[str, str]

# Why an answer failed, by the error's code.
FAILED: Final[Words] = {
    "upstream_refused": "The model's provider refused the request. Check the model under Models, then try again.",
    "upstream_key_refused": "The model's provider refused this workspace's key. An admin can replace it under Models.",
    "invalid_prompt": "The model's provider refused the request. Change the message, then try again.",
    "context_length_exceeded": "The conversation is longer than the model can read. Start a new one.",
    **dict.fromkeys(codes.IMAGE, "The model cannot use an image of this message. Send another one."),
    **dict.fromkeys(codes.POLICY, "The model's provider does not allow this request by its policy."),
    "rate_limit_exceeded": "The model's provider is at its limit. Wait a moment, then try again.",
    "upstream_unavailable": "The model cannot be reached. What was said so far is kept. Try again in a moment.",
    "upstream_timeout": "The model did not answer in time. What was said so far is kept. Try again.",
    "upstream_cut": "The connection to the model broke off. What was said so far is kept. Try again.",
    "upstream_malformed": "The model's answer could not be read. Check under Models that the address is right.",
    "host_lost": "The server that was answering stopped. What was said so far is kept. Try again.",
    "not_found": "This answer is no longer stored. Try again for a new one.",
    "other": "Something went wrong on this server. What was said so far is kept. Try again.",
}

# Why an answer is incomplete, by our reason or the provider's.
INCOMPLETE: Final[Words] = {
    "stopped": "Stopped. What was said so far is kept.",
    "max_steps": "The answer took as many steps as this workspace allows. What was said so far is kept.",
    "max_seconds": "The answer took as long as this workspace allows. What was said so far is kept.",
    "max_tokens": "The answer used as many tokens as this workspace allows. What was said so far is kept.",
    "max_output_tokens": "The answer reached its length limit. Ask the model to go on.",
    "content_filter": "The model's provider ended the answer with its content filter.",
    "other": "The answer ended early. What was said so far is kept.",
}

# What happened to a tool call, by its error's code or its state.
TOOLS: Final[Words] = {
    "queued": "Waits for a worker.",
    "running": "Waits for the answer.",
    "unsent": "Nothing was sent.",
    "unanswered": "No answer came back.",
    "stopped": "Stopped before there was a result.",
    "client": "The model asked this program to call",
    "vault_locked": "The vault is locked. Unlock it to let tools work, then ask again.",
    "credential_not_found": "The open vault has no value under the tool's label. Store one, then ask again.",
    "tool_not_found": "This workspace has no such tool.",
    "invalid_arguments": "The model's arguments do not fit the tool, so nothing was sent.",
    "host_not_allowed": "The tool's address may not be reached from this server.",
    "upstream_error": "The API answered with an error. Its words were kept from the model.",
    "upstream_timeout": "The API did not answer in time.",
    "result_withheld": "The answer carried the credential, so it was kept from the model.",
    "denied": "This call was not allowed.",
    "too_many_calls": "The request allows no more calls at once, or in all. Nothing was sent.",
    "outcome_unknown": "The worker was lost while sending. The call may have taken effect: check before repeating it.",
    "other": "The call brought no result.",
}

# A call that a person decides, by what became of the question.
APPROVALS: Final[Words] = {
    "waiting": "Read the arguments, then approve or deny the call.",
    "unsent": "Nothing is sent before a person approves.",
    "approved": "Approved.",
    "denied": "Denied, so nothing was sent.",
    "expired": "Nobody decided in time, so nothing was sent.",
    "stopped": "Stopped before anybody decided. Nothing was sent.",
    "late": "This call does not wait any more. It was decided elsewhere, or stopped.",
    "failed": "The decision did not arrive. Try again.",
    "other": "Nobody has to decide this call any more.",
}

# About the page itself.
PAGE: Final[Words] = {
    "reconnecting": "The connection is gone. Trying again; nothing is lost.",
    "unreachable": "The server did not answer. Check the connection and try again.",
    "signed_out": "You are signed out. Your message is kept in this tab.",
    "forbidden": "You may no longer chat in this workspace. Your message is kept in this tab.",
    "deleted": "This conversation was deleted elsewhere.",
}

# Codes of a tool call that have a look of their own on its card.
STATE_OF_CODE: Final[Words] = {
    "vault_locked": "locked",
    "result_withheld": "withheld",
    "denied": "denied",
    "outcome_unknown": "unknown",
    "stopped": "stopped",
}

# The same codes where the workspace keeps its credentials in a deny.sh server, so that no vault is open or locked.
DENYSH_TOOLS: Final[Words] = {
    "vault_locked": "The deny.sh server refused its key, or the password opens nothing there. An admin can set both.",
    "credential_not_found": "The deny.sh server has no item under the tool's label. Store one there, then ask again.",
}

FOR_SCRIPT: Final[dict[str, Words]] = {
    "failed": FAILED,
    "incomplete": INCOMPLETE,
    "tools": TOOLS,
    "states": STATE_OF_CODE,
    "approvals": APPROVALS,
    "page": PAGE,
}


def for_script(denysh: bool) -> dict[str, Words]:
    """All of it, for the page's script."""
    if not denysh:
        return FOR_SCRIPT
    return FOR_SCRIPT | {"tools": TOOLS | DENYSH_TOOLS, "states": STATE_OF_CODE | {"vault_locked": "failed"}}


def by_denysh(call: dict[str, Any]) -> None:
    """Let a tool call's card say what lacked at the deny.sh server, where it speaks of the vault here."""
    for code, sentence in DENYSH_TOOLS.items():
        if call["reason"] == TOOLS[code]:
            call |= {"reason": sentence, "state": "failed"}


def say(words: Words, name: object) -> str:
    """The sentence for a code, or the group's general one."""
    return words.get(str(name), words["other"])


def failed(error: dict[str, Any] | None) -> str:
    error = error or {}
    return say(FAILED, error.get("deny_web:code") or error.get("code"))


def incomplete(details: dict[str, Any] | None) -> str:
    details = details or {}
    return say(INCOMPLETE, details.get("deny_web:reason") or details.get("reason"))
