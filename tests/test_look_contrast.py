"""Both schemes keep to WCAG 2.2 AA: text 4.5 to 1, the edges of controls and the focus ring 3 to 1."""

import math
import re
from pathlib import Path

import pytest

TOKENS = Path(__file__).parent.parent / "static/css/tokens.css"
OKLCH = r"oklch\(([\d.]+)% ([\d.]+) ([\d.]+)\)"
PAIR = re.compile(rf"--([\w-]+): light-dark\({OKLCH}, {OKLCH}\);")

Colour = tuple[float, float, float]


def palette(scheme: str) -> dict[str, Colour]:
    """Each colour token of one scheme as (lightness in percent, chroma, hue in degrees)."""
    start = 1 if scheme == "light" else 4
    return {
        match[1]: (float(match[start + 1]), float(match[start + 2]), float(match[start + 3]))
        for match in PAIR.finditer(TOKENS.read_text(encoding="utf-8"))
    }


def luminance(colour: Colour) -> float:
    """WCAG's relative luminance. OKLCH to linear sRGB by https://bottosson.github.io/posts/oklab/, clipped."""
    lightness, chroma, hue = colour[0] / 100, colour[1], math.radians(colour[2])
    a, b = chroma * math.cos(hue), chroma * math.sin(hue)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    rgb = (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )
    red, green, blue = (min(1.0, max(0.0, channel)) for channel in rgb)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: Colour, second: Colour) -> float:
    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


TONES = ("wait", "stop", "done", "locked")
GROUNDS = ("paper", "surface", "sunk", "hover")
TEXTS = [(text, ground) for ground in GROUNDS for text in ("ink", "ink-2", "ink-3", "accent-text", *TONES)]
TEXTS += [(text, f"{tone}-soft") for tone in TONES for text in (tone, "ink", "ink-2", "accent-text")]
TEXTS += [(text, "accent-soft") for text in ("accent-text", "ink", "ink-2")]
TEXTS += [("on-accent", ground) for ground in ("accent", "accent-hover", "stop", "stop-hover")]
TEXTS += [("ink", "accent-line")]  # selected text
EDGES = [(edge, ground) for edge in ("edge", "accent", "stop") for ground in ("paper", "surface", "sunk")]


def test_the_measure_is_wcags() -> None:
    assert contrast((100, 0, 0), (0, 0, 0)) == pytest.approx(21, abs=0.01)
    assert contrast((100, 0, 0), (59.99, 0, 0)) == pytest.approx(3.95, abs=0.05)  # white on #808080


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable_on_every_ground(scheme: str) -> None:
    colours = palette(scheme)
    faint = {(text, ground): round(contrast(colours[text], colours[ground]), 2) for text, ground in TEXTS}
    assert {pair: ratio for pair, ratio in faint.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_edges_of_controls_and_the_focus_are_seen(scheme: str) -> None:
    colours = palette(scheme)
    faint = {(edge, ground): round(contrast(colours[edge], colours[ground]), 2) for edge, ground in EDGES}
    assert {pair: ratio for pair, ratio in faint.items() if ratio < 3} == {}
