"""What can go wrong with an upstream, in this API's own words.

ProviderError            it said that it failed, and not in which way
├── UpstreamRefused      it answered with a 4xx: our request
│   ├── UpstreamUnfit    it does not know the model or the address, or may not be called: another one may do
│   └── UpstreamKeyRefused
│       └── UpstreamForbidden  the key opens it, and not for this
├── UpstreamLimited      429 after all retries
├── UpstreamUnavailable  5xx, no connection, after all retries
│   └── UpstreamTimeout  no connection, no first event, a pause, or no end, within its time
├── UpstreamCut          the stream broke off, or ended without an ending
└── UpstreamMalformed    the stream is not what the Responses API says

None of them carries the upstream's words, key or address: an error message is where peers leaked keys.

`falls_over`: before the first event the next upstream is asked instead. `counts`: a sign of the upstream's health, and
not of one request, which could otherwise put it out of use for everybody in the workspace.
"""

from typing import Any

from chat.providers import codes


class ProviderError(Exception):
    status = 502
    code = "upstream_error"
    type = "server_error"
    sentence = "The upstream model failed."
    falls_over = True
    counts = True

    def __init__(self, sentence: str | None = None, *, status: int | None = None, retry_after: float | None = None):
        self.sentence = sentence or self.sentence
        self.status = status or self.status
        self.retry_after = retry_after
        super().__init__(self.sentence)

    def as_error(self) -> dict[str, str | None]:
        return {"message": self.sentence, "type": self.type, "param": None, "code": self.code}


class UpstreamRefused(ProviderError):
    status = 400
    code = "upstream_refused"
    type = "invalid_request_error"
    sentence = "The upstream model refused the request."
    falls_over = False
    counts = False

    @classmethod
    def because(cls, code: str | None, *, status: int | None = None) -> "UpstreamRefused":
        """The refusal with what the upstream gives for its reason, one of `codes.REFUSALS`."""
        refused = cls(codes.sentence(code) if code else None, status=status)
        refused.code = code or cls.code
        return refused


class UpstreamUnfit(UpstreamRefused):
    falls_over = True


class UpstreamKeyRefused(UpstreamRefused):
    status = 502
    code = "upstream_key_refused"
    type = "server_error"
    sentence = "The upstream refused this workspace's key. An admin can replace it under Models."
    falls_over = True
    counts = True


class UpstreamForbidden(UpstreamKeyRefused):
    sentence = "The upstream does not let this workspace's key do this. An admin can replace the key under Models."
    counts = False


class UpstreamLimited(ProviderError):
    status = 429
    code = "rate_limit_exceeded"
    type = "rate_limit_error"
    sentence = "The upstream's rate limit is reached. Try again in a moment."


class UpstreamUnavailable(ProviderError):
    status = 502
    code = "upstream_unavailable"
    sentence = "The upstream model cannot be reached. Try again in a moment."


class UpstreamTimeout(UpstreamUnavailable):
    status = 504
    code = "upstream_timeout"
    sentence = "The upstream model did not answer in time."


class UpstreamCut(ProviderError):
    code = "upstream_cut"
    sentence = "The upstream's answer broke off. Try again."


class UpstreamMalformed(ProviderError):
    code = "upstream_malformed"
    sentence = "The upstream's answer was not in the Responses format."


def told(error: dict[str, Any]) -> ProviderError:
    """The error that an upstream's stream told of."""
    if code := codes.refusal(error):
        return UpstreamRefused.because(code)
    return UpstreamLimited() if error.get("code") == "rate_limit_exceeded" else ProviderError()
