"""A stored response told as a stream again, in events that the SDK's types know."""

from chat import retelling
from chat.demo.resource import resource
from chat.demo.stream import function_call, message, reasoning, refusal
from tests.samples import Json, sample
from tests.test_hosted_items import OUTPUTS
from tests.upstream import shapes


def told(*items: Json) -> tuple[list[Json], Json]:
    response = resource({"model": "m"}, items)
    return list(retelling.events(response)), response


def test_it_is_a_stream_as_any_other() -> None:
    items = [reasoning(["Hm."]), message("Hello."), refusal("No."), function_call("f", "{}")]
    events, response = told(*items)
    ending = {"type": "response.completed", "response": response, "sequence_number": len(events)}
    assert shapes.check_stream([*events, ending])["output"] == items
    assert [event["sequence_number"] for event in events] == list(range(len(events)))


def test_any_item_is_begun_and_done() -> None:
    items = [{**sample(model), "id": f"item_{index}"} for index, model in enumerate(OUTPUTS)]
    events, _ = told(*items)
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert done == items
