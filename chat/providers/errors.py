"""What can go wrong with an upstream, in this API's own words.

ProviderError
├── UpstreamRefused     it answered with a 4xx: our request, key or model
├── UpstreamLimited     429 after all retries
├── UpstreamUnavailable 5xx, no connection, or no first byte in time, after all retries
├── UpstreamCut         the stream broke off, stalled, or ended without an ending
└── UpstreamMalformed   the stream is not what the Responses API says

None of them carries the upstream's words, key or address: an error message is where peers leaked keys.
"""


class ProviderError(Exception):
    status = 502
    code = "upstream_error"
    type = "server_error"
    sentence = "The upstream model failed."

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


class UpstreamKeyRefused(UpstreamRefused):
    status = 502
    code = "upstream_key_refused"
    type = "server_error"
    sentence = "The upstream refused this workspace's key. An admin can replace it under Models."


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
