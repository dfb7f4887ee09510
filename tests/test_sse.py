"""Server-sent events, however their bytes are cut and whatever their lines end with."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.providers import sse
from chat.providers.errors import UpstreamMalformed

EVENTS = [{"type": "a", "delta": "äöü €𝄞"}, {"type": "b", "n": 1}, {"type": "c", "delta": "x\ny"}]
STREAM = (
    ': hello\n\nevent: a\ndata: {"type":"a","delta":"äöü €𝄞"}\n\n'
    'data:{"type":"b",\ndata:"n":1}\n\nid: 4\ndata: {"type":"c","delta":"x\\ny"}\n\n'
)


def read(*chunks: bytes) -> list[dict]:
    decoder = sse.Decoder()
    events = []
    for chunk in chunks:
        events += decoder.feed(chunk)
        if decoder.done:
            break
    decoder.finish()
    return events


@given(cuts=st.lists(st.integers(0, 200), max_size=20), ending=st.sampled_from(["\n", "\r\n", "\r"]), bom=st.booleans())
def test_any_cut_and_any_line_ending_give_the_same_events(cuts, ending, bom):
    stream = (("\ufeff" if bom else "") + STREAM.replace("\n", ending)).encode()
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    chunks = [stream[start:end] for start, end in pairwise(places)]
    assert read(*chunks) == EVENTS


def test_done_ends_the_stream():
    assert read(b'data: {"type":"a"}\n\ndata: [DONE]\n\ndata: {"type":"late"}\n\n') == [{"type": "a"}]


def test_an_event_without_its_blank_line_does_not_count():
    assert read(b'data: {"type":"a"}\n') == []


@pytest.mark.parametrize("payload", [b"{", b"[]", b"1", b'{"no":"type"}', b'{"type":3}', b"\xff"])
def test_what_is_no_event_is_malformed(payload):
    with pytest.raises(UpstreamMalformed):
        read(b"data: " + payload + b"\n\n")


def test_events_before_a_malformed_one_are_handed_out_first():
    decoder = sse.Decoder()
    assert decoder.feed(b'data: {"type":"a"}\n\ndata: {\n\n') == [{"type": "a"}]
    with pytest.raises(UpstreamMalformed):
        decoder.finish()


def test_an_endless_line_is_refused_before_it_fills_memory(monkeypatch):
    monkeypatch.setattr(sse, "MAX_EVENT_BYTES", 1000)
    with pytest.raises(UpstreamMalformed):
        read(*[b"x" * 100] * 20)
