"""A live turn: all that its host knows of it while it runs. Plain values; the hot path touches no model object."""

import asyncio
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chat.accounts import Account
from chat.events import EventLog
from chat.output import Output
from chat.providers.errors import ProviderError
from chat.providers.upstream import Upstream

if TYPE_CHECKING:
    from chat.comparison import Compared
    from chat.step import Step
    from vault.tripwires.armed import Armed


@dataclass(frozen=True)
class Offer:
    """A tenant's tool as it is offered to the model in one turn."""

    version_id: int
    schema: dict[str, Any]
    approval: str  # auto, ask or never
    request: dict[str, Any]  # what would be sent where, as people see it before they decide


@dataclass(frozen=True)
class Caps:
    steps: int
    seconds: int
    tokens: int


@dataclass(frozen=True)
class Resume:
    """Where a successor takes up: calls of the last committed step whose outcome is not told yet."""

    waiting: dict[str, int]  # item id -> output index
    client_must_act: bool


@dataclass(frozen=True)
class Unwritten:
    """What a response that stores nothing needs for its row, which is written only if it calls a tool."""

    user_id: int | None
    api_key_id: int | None
    host_id: str


@dataclass(frozen=True)
class LastStep:
    """A step that called none of our tools: it is written together with the turn's end."""

    usage: dict[str, Any] | None
    upstream_id: str


@dataclass
class Turn:
    """One response in the making. `envelope` is the Response object without its output."""

    response_id: str
    tenant_id: uuid.UUID
    epoch: int
    door: str
    stored: bool
    request: dict[str, Any]
    envelope: dict[str, Any]
    conversation_id: str | None
    upstream: Upstream  # the one that answers; another one takes its place when it does not begin to
    offers: dict[str, Offer]
    client_functions: frozenset[str]
    caps: Caps
    context: list[dict[str, Any]]
    log: EventLog
    account: Account = field(default_factory=Account)
    choices: tuple[Upstream, ...] = ()  # all that may be asked, in their order
    output: Output = field(default_factory=Output)
    upstream_names: dict[int, dict[str, Any]] = field(default_factory=dict)  # by output index
    abandoned: set[int] = field(default_factory=set)
    committed: int = 0  # output items in the database
    step: int = 0
    compared: "Compared | None" = None  # the response that its prompt cache is compared with
    asks: bool = False  # calls that a person decides may stand open from before
    unwritten: "Unwritten | None" = None
    last_step: "LastStep | None" = None
    armed: "Armed | None" = None  # the honeytokens that are watched for, and
    planted: str = ""  # what of them goes up with the instructions
    streaming: "Step | None" = None  # the step whose answer is under way
    usage: dict[str, Any] | None = None
    details: dict[str, Any] = field(default_factory=dict)  # what the upstream says of its answer beside the output
    fresh: bool = True
    resume: Resume | None = None
    bell: asyncio.Event = field(default_factory=asyncio.Event)
    stop_reason: str | None = None
    interruptible: bool = False  # while its engine may be cancelled: not before it has begun, nor while it ends
    failure: ProviderError | None = None
    ended: dict[str, Any] | None = None  # the Response object of its end
    reader_count: int = 0
    deadline: float = 0.0
    task: "asyncio.Task[None] | None" = None

    def __post_init__(self) -> None:
        self.deadline = time.monotonic() + self.caps.seconds

    def emit(self, event: dict[str, Any]) -> None:
        """Fold an event of ours into the output and append it to the log."""
        self.output.apply(event)
        self.log.emit(event)

    def stop(self, reason: str) -> None:
        """End the turn at the next await of its engine, upstream connection included."""
        if self.stop_reason is None:
            self.stop_reason = reason
            if self.interruptible and self.task is not None:
                self.task.cancel()

    def object(self, status: str, **changes: Any) -> dict[str, Any]:
        """The Response object as it stands."""
        output = [self.output.snapshot(index) for index in range(len(self.output.items))]
        return {**self.envelope, **self.details, "status": status, "output": output, "usage": self.usage, **changes}
