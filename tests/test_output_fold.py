"""A response's output folded from its events: a stop or a dead host keeps what was shown."""

from chat.output import Output


def added(index: int, **item: object) -> dict:
    return {"type": "response.output_item.added", "output_index": index, "item": {"id": f"i{index}", **item}}


def part(index: int, kind: str = "output_text") -> dict:
    text = {"type": kind, "refusal" if kind == "refusal" else "text": ""}
    return {"type": "response.content_part.added", "output_index": index, "content_index": 0, "part": text}


def delta(index: int, text: str, kind: str = "output_text") -> dict:
    return {"type": f"response.{kind}.delta", "output_index": index, "content_index": 0, "delta": text}


def folded(*events: dict) -> Output:
    output = Output()
    for event in events:
        output.apply(event)
    return output


def test_text_so_far_is_in_the_snapshot():
    output = folded(added(0, type="message", content=[]), part(0), delta(0, "Hel"), delta(0, "lo"))
    assert output.snapshot(0)["content"] == [{"type": "output_text", "text": "Hello"}]
    assert output.open == {0}


def test_closing_says_done_for_each_part_and_then_for_the_item():
    output = folded(added(0, type="message", content=[]), part(0), delta(0, "Hi"))
    events = output.close(0)
    assert [event["type"] for event in events] == [
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
    ]
    assert events[0]["text"] == "Hi"
    assert events[-1]["item"]["status"] == "incomplete"
    assert events[-1]["item"]["content"][0]["text"] == "Hi"


def test_a_refusal_closes_as_a_refusal():
    output = folded(added(0, type="message", content=[]), part(0, "refusal"), delta(0, "No", "refusal"))
    assert output.close(0)[0] == {
        "type": "response.refusal.done", "item_id": "i0", "output_index": 0, "content_index": 0, "refusal": "No",
    }  # fmt: skip


def test_half_written_arguments_are_kept():
    output = folded(
        added(0, type="mcp_call", arguments=""),
        {"type": "response.mcp_call_arguments.delta", "output_index": 0, "delta": '{"id"'},
    )
    assert output.snapshot(0)["arguments"] == '{"id"'


def test_a_finished_item_is_what_its_done_event_said():
    output = folded(
        added(0, type="message", content=[]),
        part(0),
        delta(0, "draft"),
        {"type": "response.output_item.done", "output_index": 0, "item": {"id": "i0", "type": "message", "content": [
            {"type": "output_text", "text": "final"}]}},
    )  # fmt: skip
    assert output.snapshot(0)["content"][0]["text"] == "final"
    assert not output.open
