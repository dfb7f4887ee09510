"""A socket's frames: what may come in, and the frames that are no event of a response's log."""

from typing import Any

from chat.doors import bodies
from chat.errors import ApiError, bad_request
from chat.events import LAST_NUMBER

Json = dict[str, Any]
MAX_BYTES = 8 * 1024 * 1024
MAX_LANE = 256  # characters


def read(text: str | None) -> Json:
    """A client's frame. Raises ApiError 400."""
    data = b"" if text is None or len(text) > MAX_BYTES else text.encode()
    if not data or len(data) > MAX_BYTES:
        raise bad_request("Send JSON text frames of at most 8 MiB.")
    message = bodies.read(data)
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise bad_request("A frame is a JSON object with a 'type'.", "type")
    return message


def lane(message: Json) -> str | None:
    """The `stream_id` of a create, which its events repeat. Raises ApiError 400."""
    value = message.get("stream_id")
    if value is not None and (not isinstance(value, str) or len(value) > MAX_LANE):
        raise bad_request(f"'stream_id' must be a string of at most {MAX_LANE} characters.", "stream_id")
    return value


def response_id(message: Json, name: str = "response_id") -> str:
    """Which response is meant. Raises ApiError 400."""
    value = message.get(name)
    if not isinstance(value, str):
        raise bad_request(f"'{name}' must be a string.", name)
    return value


def starting_after(message: Json) -> int:
    """The number after which events are wanted. Raises ApiError 400."""
    after = message.get("starting_after", -1)
    if not isinstance(after, int) or not -1 <= after <= LAST_NUMBER:
        raise bad_request("'starting_after' must be a whole number.", "starting_after")
    return after


def error(told: ApiError) -> Json:
    """An `error` event. Its headers are where the SDK's type has them; `deny_web:headers` is their older place."""
    frame: Json = {"type": "error", "status": told.status, **told.as_body()}
    if told.headers:
        frame["error"]["headers"] = frame["deny_web:headers"] = told.headers
    return frame


def echoed(message: Json) -> Json:
    """What the error that a frame gets repeats of it, so that its sender knows which one was refused."""
    known = {name: message.get(name) for name in ("deny_web:token", "stream_id")}
    return {name: value for name, value in known.items() if isinstance(value, str) and len(value) <= MAX_LANE}


def steer_failed(message: Json, lane: str | None) -> Json:
    """The answer to `response.steer`: turns here cannot be steered, and the sender gets its input back.

    Its number is not one of a response's: nothing was added to any. Raises ApiError 400.
    """
    given = message.get("input")
    if not isinstance(given, str | list) or not given:
        raise bad_request("'input' must be a string or a list of items.", "input")
    sentence = "A response cannot be steered here. Send the input with the next 'response.create'."
    return {
        "type": "response.steer.failed",
        "sequence_number": 0,
        "error": {"code": "steering_not_supported", "message": sentence, "type": "invalid_request_error"},
        "steer": {"input": given, "previous_response_id": response_id(message, "previous_response_id")},
        **({} if lane is None else {"stream_id": lane}),
    }
