"""docs/clients/langchain.md: each program; and LangChain's standard suite for chat models."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from tests import tool_api
from tests.intercepted import played
from tests.interop import installed
from tests.interop.conftest import INVOICE
from tests.interop.programs import Programs
from tests.interop.test_python_openai import PIXEL
from tests.tool_api import ToolApi, reply
from tests.upstream import Step, Upstream, calls, text
from tests.workspace import SECRET

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600), pytest.mark.usefixtures("clients")]
PAGE = "langchain"


def test_an_answer_whole_and_as_it_is_written(programs: Programs, upstream: Upstream) -> None:
    upstream.queue(text("Hello."), text("Hello there.", deltas=3))
    whole, streamed = programs.python("An answer, whole and as it is written", page=PAGE)
    assert re.fullmatch(r"Hello\. \d+ tokens", whole)
    assert streamed == "Hello there."


def test_a_tool_of_the_client_s(programs: Programs, upstream: Upstream) -> None:
    upstream.queue(calls(("get_time", {"city": "Oslo"})), text("It is 12:30."))
    assert programs.python("A tool of your own", page=PAGE) == ["It is 12:30."]
    assert upstream.bodies()[1]["input"][-1]["output"] == "12:30"


def test_a_tool_of_the_workspace(programs: Programs, upstream: Upstream, api: ToolApi) -> None:
    upstream.queue(calls(("get_invoice", {"id": INVOICE["id"]})), text("42.00 is open."))
    arguments, output, answer = programs.python("The workspace's tools", page=PAGE)
    assert arguments == str({"id": INVOICE["id"]})
    assert json.loads(output.removeprefix("-> ")) == {field: INVOICE[field] for field in ("id", "amount_due", "status")}
    assert answer == "42.00 is open."
    assert SECRET not in json.dumps(upstream.requests())


def test_going_on_and_structured_output(programs: Programs, upstream: Upstream) -> None:
    upstream.queue(text("Hello Ada."), text('{"name": "Ada"}'))
    assert programs.python("Going on, and structured output", page=PAGE) == ["Ada"]
    assert len(upstream.bodies()[1]["input"]) == 3


JOKE = text(json.dumps({"setup": "Why do cats sit?", "punchline": "They can."}))
MAGIC = calls(("magic_function", {"input": 3}))
SCRIPT: dict[str, list[Step]] = {
    "": [text("Hello there.", deltas=3)],
    "test_batch": [text(), text()],
    "test_abatch": [text(), text()],
    "test_stop_sequence": [text(), text()],
    "test_tool_calling": [MAGIC, MAGIC],
    "test_tool_calling_async": [MAGIC, MAGIC],
    "test_tool_choice": [MAGIC, MAGIC],
    "test_tool_calling_with_no_arguments": [calls(("magic_function_no_args", {}))] * 2,
    "test_bind_runnables_as_tools": [calls(("greeting_generator", {"answer_style": "Pirate"}))],
    "test_structured_few_shot_examples": [calls(("my_adder_tool", {"a": 3, "b": 4}))],
    "test_structured_output": [JOKE, JOKE],
    "test_structured_output_async": [JOKE, JOKE],
    # The old pydantic's models go as a function, their plain schema as a format.
    "test_structured_output_pydantic_2_v1": [calls(("Joke", {"setup": "Why?", "punchline": "So."}))] * 2 + [JOKE] * 2,
    "test_structured_output_optional_param": [JOKE] * 4,
    "test_json_mode": [JOKE] * 4,
    "test_image_inputs": [text()] * 3,
    "test_image_tool_message": [text()] * 2,
    "test_pdf_inputs": [text()] * 2,
    "test_anthropic_inputs": [text()] * 2,
    "test_agent_loop": [calls(("get_weather", {"location": "San Francisco, CA"})), text("It is sunny.")],
    "test_unicode_tool_call_integration": [
        calls(("unicode_customer", {"customer_name": name, "description": "A company"}))
        for name in ("你好啊集团", "こんにちは株式会社")
    ],
    "test_audio_inputs": [],
    "test_no_overrides_DO_NOT_OVERRIDE": [],
}


OPTIONS = ["-rA", "-q", "--tb=short", "-c", os.devnull, "-p", "no:cacheprovider", "-o", "asyncio_mode=auto"]
# The class keeps its asynchronous client between tests, which binds it to one loop.
ONE_LOOP = [f"--override-ini=asyncio_default_{what}_loop_scope=session" for what in ("fixture", "test")]
# Where the suite fetches its picture and its document.
PICTURE = "/langchain-ai/docs/4d11d08b6b0e210bd456943f7a22febbd168b543/src/images/agentic-rag-output.png"
DOCUMENT = "/WAI/ER/tests/xhtml/testfiles/resources/pdf/dummy.pdf"


def test_the_standard_suite_of_chat_models(programs: Programs, upstream: Upstream, tmp_path: Path) -> None:
    script = {name: [step.to_json() for step in steps] for name, steps in SCRIPT.items()}
    (tmp_path / "script.json").write_text(json.dumps(script), encoding="utf-8")
    # A copy, so that this folder's fixtures stay out of it.
    shutil.copy(Path(__file__).with_name("langchain_suite.py"), tmp_path / "test_suite.py")
    hosts = ("raw.githubusercontent.com", "www.w3.org")
    with tool_api.running() as elsewhere, played(hosts[0], elsewhere, tmp_path, *hosts[1:]) as internet:
        elsewhere.handle(PICTURE, reply(PIXEL))
        elsewhere.handle(DOCUMENT, reply(b"%PDF-1.4"))
        env = {"UPSTREAM": upstream.address, "SCRIPT": "script.json", **internet}
        said = programs.run(installed.python(), "-m", "pytest", *OPTIONS, *ONE_LOOP, "test_suite.py", **env).stdout
    skipped = re.findall(r"^SKIPPED .*?: (.*)$", said, re.MULTILINE)
    assert skipped == ["Model does not support audio inputs.", "VCR not set up."], said
    assert len(re.findall(r"^PASSED ", said, re.MULTILINE)) >= 47, said
