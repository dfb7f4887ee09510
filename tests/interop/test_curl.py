"""docs/clients/curl.md: all of it as one script, in bash."""

import json
import re
import shutil

import pytest

from tests import docs
from tests.interop.programs import CLIENTS, Programs
from tests.upstream import Upstream, text

pytestmark = pytest.mark.e2e


@pytest.fixture(autouse=True)
def _curl() -> None:
    if shutil.which("curl") is None:
        pytest.skip("no curl on this machine")


def test_the_page_runs_as_one_script(programs: Programs, upstream: Upstream) -> None:
    upstream.queue(text("Hello."), text("Hello there.", deltas=2), text("I thought."))
    script = "set -eu\n" + "\n".join(docs.blocks(CLIENTS / "curl.md", "sh"))
    said = programs.run("bash", "-c", script).stdout
    answer, _, rest = said.partition("\n")
    assert json.loads(answer)["output"][0]["content"][0]["text"] == "Hello."
    events = re.findall(r"^event: (\S+)\ndata: (\{.*\})\n\n", rest, re.MULTILINE)
    assert [json.loads(data)["type"] for _, data in events] == [name for name, _ in events]
    assert [name for name, _ in events if name.endswith(("delta", "completed"))] == [
        *["response.output_text.delta"] * 2,
        "response.completed",
    ]
    status, items, deleted, *errors = rest.rpartition("\n\n")[2].strip().splitlines()
    assert status == "completed"
    assert json.loads(items)["data"][0]["content"] == [{"type": "input_text", "text": "Think."}]
    assert json.loads(deleted)["deleted"] is True
    assert [json.loads(line)["error"]["code"] for line in errors[::2]] == ["not_found", "invalid_api_key"]
    assert errors[1::2] == ["ended with 22"] * 2


def test_the_key_is_no_argument(programs: Programs) -> None:
    script = "\n".join(docs.blocks(CLIENTS / "curl.md", "sh")[:1])
    shown = programs.run("bash", "-c", f"{script}\ncurl() {{ printf '%s ' \"$@\"; }}\nask http://127.0.0.1:9/").stdout
    assert "http://127.0.0.1:9/" in shown
    assert programs.workspace.key not in shown
