"""How an upstream knows us: the SDK's client for its kind, and what signs each request where no fixed header will do.

A key in a header is made once with the client. Bedrock and keyless upstreams have the SDK ask for each request: its
`AsyncBedrockOpenAI`, and its `workload_identity`, which exchanges a token of this machine for one of the upstream.
"""

from typing import TYPE_CHECKING, Any, Protocol

import httpx2
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from chat.models import Provider
from chat.providers import identity
from chat.providers.errors import UpstreamKeyRefused, UpstreamUnavailable, UpstreamUnfit
from chat.providers.upstream import Upstream

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.auth import WorkloadIdentityAuth

Headers = CIMultiDictProxy[str]


class Signer(Protocol):
    """Puts the credential of this moment on a request."""

    async def signed(self, url: URL, headers: Headers, content: bytes) -> Headers:
        """The request's headers, whole. Raises ProviderError."""

    def forget(self, headers: Headers) -> bool:
        """The upstream refused these: whether asking again could give others."""


def sdk(upstream: Upstream, **options: Any) -> "AsyncOpenAI":
    """The SDK's client. Raises UpstreamUnfit for settings that it refuses."""
    import openai

    try:
        if upstream.kind == Provider.Kind.BEDROCK:
            # The key is always given: without one the SDK would take this server's own AWS credentials.
            return openai.AsyncBedrockOpenAI(api_key=upstream.key, base_url=upstream.base_url, **options)
        if upstream.kind == Provider.Kind.IDENTITY:
            return identity.sdk(upstream, **options)
        return openai.AsyncOpenAI(api_key=upstream.key, base_url=upstream.base_url, **options)
    except openai.OpenAIError:
        raise UpstreamUnfit("The upstream's settings cannot be used. An admin can mend them under Models.") from None


def asked_once(client: "AsyncOpenAI") -> "AsyncOpenAI":
    """The same client for a call that is not worth repeating, or waiting for more than 10 seconds."""
    made = client.with_options(max_retries=0, timeout=10)
    # The copy would make an exchange of its own, at OpenAI's address, and ask it anew each time.
    made._workload_identity_auth = client._workload_identity_auth
    return made


def signer(upstream: Upstream, client: "AsyncOpenAI") -> Signer | None:
    """What signs the upstream's requests, None where the client's headers do."""
    if upstream.kind == Provider.Kind.BEDROCK:
        return BedrockSigner(client)
    if upstream.kind == Provider.Kind.IDENTITY:
        return TokenSigner(identity.auth(client))
    return None


class BedrockSigner:
    """Bedrock, as the SDK prepares each request for it."""

    def __init__(self, client: "AsyncOpenAI") -> None:
        self._client = client

    async def signed(self, url: URL, headers: Headers, content: bytes) -> Headers:
        from openai import OpenAIError

        request = httpx2.Request("POST", str(url), headers=list(headers.items()), content=content)
        try:
            await self._client._prepare_request(request)  # not public: the SDK's own hook before it sends
        except OpenAIError:
            raise UpstreamKeyRefused from None
        made = CIMultiDict(headers)
        made["Authorization"] = request.headers["Authorization"]
        return CIMultiDictProxy(made)

    def forget(self, headers: Headers) -> bool:
        return False


class TokenSigner:
    """A keyless upstream: the token that the SDK got in exchange, kept by it until shortly before its end."""

    def __init__(self, auth: "WorkloadIdentityAuth") -> None:
        self._auth = auth

    async def signed(self, url: URL, headers: Headers, content: bytes) -> Headers:
        import openai

        try:
            token = await self._auth.get_token_async()
        except openai.OAuthError:
            raise UpstreamKeyRefused("The upstream gave this server no token. An operator can mend it.") from None
        except (openai.OpenAIError, httpx2.HTTPError, OSError):
            raise UpstreamUnavailable from None
        return CIMultiDictProxy(CIMultiDict({**headers, "Authorization": f"Bearer {token}"}))

    def forget(self, headers: Headers) -> bool:
        self._auth.invalidate_token(headers["Authorization"].removeprefix("Bearer "))
        return True
