"""Why a tool call did not bring a result.

    ToolError                 a code of the contract and a status; the only words that a model gets to read
    ├── InvalidArguments      the model's arguments do not fit the tool's schema, or their place in the request
    ├── HostNotAllowed        the address is private, odd or not allowed
    └── Stopped               a person stopped the call while it was under way
    InvalidTool               a tool file's definition cannot be used; a sentence for the person who wrote it

No message here is the upstream's, and none holds a credential, a header or a query string.
"""

from typing import Final

# Code -> the status beside it, where the upstream's own is not the one to tell.
STATUSES: Final = {
    "vault_locked": 423,
    "credential_not_found": 404,
    "tool_not_found": 404,
    "invalid_arguments": 400,
    "host_not_allowed": 403,
    "upstream_error": 502,
    "upstream_timeout": 504,
    "result_withheld": 502,
    "denied": 403,
    "too_many_calls": 429,
    "outcome_unknown": 504,
}


class ToolError(Exception):
    """`code` and `status` go to the model; `reason` is a short word for people, shown beside the call.

    `answered` is the upstream's own status, None where it did not answer.
    """

    def __init__(self, code: str, answered: int | None = None, *, reason: str = "") -> None:
        self.code = code
        self.answered = answered
        self.status = STATUSES[code] if answered is None else answered
        self.reason = reason
        super().__init__(f"{code} ({self.status})")


class InvalidArguments(ToolError):
    def __init__(self, reason: str = "") -> None:
        super().__init__("invalid_arguments", reason=reason)


class HostNotAllowed(ToolError):
    """`sentence` is that of `tenants.addresses.AddressRefused`, or says why the demo or plain http is refused."""

    def __init__(self, sentence: str) -> None:
        super().__init__("host_not_allowed")
        self.sentence = sentence


class Stopped(ToolError):
    def __init__(self) -> None:
        super().__init__("denied", reason="stopped")


class InvalidTool(ValueError):
    """`sentence` names the tool and the field; `index` is the tool's place in the file, None for the file itself."""

    def __init__(self, sentence: str, index: int | None = None, field: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.index = index
        self.field = field
