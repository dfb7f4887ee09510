"""A progress bar on a terminal."""

from collections.abc import Callable
from typing import TextIO

_WIDTH = 32


def bar(stream: TextIO, words: str) -> Callable[[int, int], None]:
    """Hears how far something is and draws it on one line of `stream`; on anything but a terminal it draws nothing."""
    if not stream.isatty():
        return lambda done, total: None

    def draw(done: int, total: int) -> None:
        filled = _WIDTH * done // total if total else _WIDTH
        stream.write(f"\r{words} [{'#' * filled}{'.' * (_WIDTH - filled)}] {done} of {total}")
        stream.write("\n" if done == total else "")
        stream.flush()

    return draw
