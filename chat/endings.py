"""The ways in which a turn leaves its loop before the model is done, raised by whoever notices."""

from typing import Any


class Incomplete(Exception):
    """The turn ends before the model was done. `reason` is the API's word or None, `ours` says it in our terms."""

    def __init__(self, ours: str, reason: str | None = None) -> None:
        super().__init__(ours)
        self.details = {"reason": reason, "deny_web:reason": ours}


class Stopped(Exception):
    """The turn ends because somebody asked for it, or its last reader left."""


class UpstreamIncomplete(Exception):
    """The upstream ended its answer `incomplete`; `details` are its own."""

    def __init__(self, details: dict[str, Any]) -> None:
        super().__init__("upstream")
        self.details = details


class Suspended(Exception):
    """The turn waits for a person, in storage and without a host. Not its end."""
