"""Upstreams without a key: the machine's own identity, exchanged for a token (RFC 8693) by the SDK.

The settings name a file that the platform keeps fresh (a Kubernetes service account's token, say) and what the upstream
calls this service. Only an operator may give them: they make this server read a file and send it somewhere.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from chat.providers.errors import UpstreamKeyRefused
from chat.providers.upstream import Upstream

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.auth import WorkloadIdentityAuth


@dataclass(frozen=True, slots=True)
class Identity:
    """`token_file` holds the token that is exchanged; `exchange_url` is OpenAI's unless given."""

    identity_provider_id: str
    service_account_id: str
    token_file: str
    exchange_url: str = ""

    def token(self) -> str:
        """What the platform has put into the file by now. Raises UpstreamKeyRefused, without the file's name."""
        try:
            found = Path(self.token_file).read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            found = ""
        if not found:
            raise UpstreamKeyRefused("This server has no token to exchange for one of the upstream.") from None
        return found

    def as_key(self) -> str:
        """As it is sealed, in a key's place."""
        return orjson.dumps(asdict(self)).decode()


def sdk(upstream: Upstream, **options: Any) -> "AsyncOpenAI":
    """The SDK's client with a workload identity. Raises openai.OpenAIError."""
    from openai import AsyncOpenAI

    ours = Identity(**orjson.loads(upstream.key))
    made = AsyncOpenAI(
        workload_identity={
            "identity_provider_id": ours.identity_provider_id,
            "service_account_id": ours.service_account_id,
            "provider": {"token_type": "jwt", "get_token": ours.token},
        },
        base_url=upstream.base_url,
        **options,
    )
    if ours.exchange_url:
        auth(made).token_exchange_url = ours.exchange_url
    return made


def auth(client: "AsyncOpenAI") -> "WorkloadIdentityAuth":
    """The exchange of a client that `sdk` made."""
    from openai.auth import WorkloadIdentityAuth

    found = client._workload_identity_auth  # not public: the SDK names no other way to the exchange's address
    assert isinstance(found, WorkloadIdentityAuth)  # noqa: S101 - a token file makes no other kind
    return found
