"""The standard suite of `langchain-tests` on `ChatOpenAI`, pointed here. test_langchain.py runs it with pytest, in the
clients' environment, where this project's own packages are not.

The environment says more than the two variables: UPSTREAM is the scripted upstream's control address, SCRIPT a file
with the steps for each test by its name, and for any other under "".
"""

import json
import os
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests

SCRIPT = json.loads(Path(os.environ["SCRIPT"]).read_text(encoding="utf-8"))


def control(act: str, body: Any = None) -> Any:
    address = f"http://{os.environ['UPSTREAM']}/_control/{act}"
    request = urllib.request.Request(address, json.dumps(body).encode(), method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


@pytest.fixture(autouse=True)
def _scripted(request: pytest.FixtureRequest) -> Iterator[None]:
    name = request.node.originalname
    if name == "test_stream_time":  # skipped; and its recorder would take our requests for the model's
        yield
        return
    control("reset")
    control("queue", SCRIPT.get(name, SCRIPT[""]))
    yield
    state = control("state")
    assert (state["unused"], state["unscripted"]) == ([], 0)


class TestDenyWeb(ChatModelIntegrationTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatOpenAI

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": "gpt-5.5", "use_responses_api": True}

    @property
    def model_override_value(self) -> str:
        return "gpt-5.5-mini"

    @property
    def supports_json_mode(self) -> bool:
        return True

    @property
    def supports_image_inputs(self) -> bool:
        return True

    @property
    def supports_image_urls(self) -> bool:
        return True

    @property
    def supports_image_tool_message(self) -> bool:
        return True

    @property
    def supports_pdf_inputs(self) -> bool:
        return True

    @property
    def supports_pdf_tool_message(self) -> bool:
        return True

    @property
    def supports_anthropic_inputs(self) -> bool:
        return True
