"""What the form of an upstream begins with, for the servers that people use."""

from dataclasses import dataclass

from chat.models import Provider

Kind = Provider.Kind
_LOCAL = "On this machine or network only where the operator allows its host and port in TOOL_ALLOWED_HOSTS."


@dataclass(frozen=True, slots=True)
class Preset:
    slug: str
    title: str
    base_url: str
    model: str
    note: str
    kind: str = Kind.RESPONSES
    headers: str = ""  # to be completed by the person


PRESETS = (
    Preset("openai", "OpenAI", "https://api.openai.com/v1", "gpt-5.5", "Needs an API key."),
    Preset(
        "vercel",
        "Vercel AI Gateway",
        "https://ai-gateway.vercel.sh/v1",
        "openai/gpt-5.5",
        "Model names carry their provider. Map gpt-5.5 = openai/gpt-5.5 to keep the short ones.",
    ),
    Preset(
        "truefoundry",
        "TrueFoundry",
        "https://your-control-plane.example/api/llm/api/inference/openai",
        "openai-main/gpt-5.5",
        "Put your control plane's host into the address and your integration's name into the header.",
        headers="x-tfy-provider-name: openai-main",
    ),
    Preset("vllm", "vLLM", "http://127.0.0.1:8000/v1", "", _LOCAL),
    Preset("ollama", "Ollama", "http://127.0.0.1:11434/v1", "", _LOCAL),
    Preset("llama-cpp", "llama.cpp", "http://127.0.0.1:8080/v1", "", _LOCAL),
    Preset("lm-studio", "LM Studio", "http://127.0.0.1:1234/v1", "", _LOCAL),
    Preset(
        "bedrock",
        "Amazon Bedrock",
        "https://bedrock-mantle.us-east-1.api.aws/openai/v1",
        "openai.gpt-oss-120b",
        "The address names the region. The key is a Bedrock API key, not an access key of AWS.",
        kind=Kind.BEDROCK,
    ),
)


def find(slug: str) -> Preset | None:
    return next((preset for preset in PRESETS if preset.slug == slug), None)
