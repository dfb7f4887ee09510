"""Key material in this process: wiped when it is done with, and kept from swap and core dumps where the system allows.

A `Key` is a bytearray that the process may not swap out (`mlock`, within RLIMIT_MEMLOCK) and that is overwritten when
the last reference to it goes. `harden` is for whole processes: no core dump, and on Linux no debugger of the same
user and no reading of their memory (`PR_SET_DUMPABLE`).

What Python does not allow: `bytes` and `str` cannot be wiped. A password as it came, a value on its way out, what
libraries copy inside themselves, and the server keys stay in memory until it is used for something else. The limits
stand in docs/threat-model.md.
"""

import ctypes
import sys

from deny_web import env

_PR_SET_DUMPABLE = 4  # prctl(2)
Bytes = bytes | bytearray
"""What takes a key takes other bytes as well."""

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform != "win32" else None


class Key(bytearray):
    """Secret bytes that are wiped by themselves. Compares, slices and derives as any bytes do."""

    def __init__(self, source: bytes | bytearray | memoryview | int) -> None:
        super().__init__(source)
        if _libc is not None and len(self):
            # Refused where the limit is reached, and the key is used all the same. Never unlocked: another key may lie
            # on the same page, and the pages of small objects are used again.
            _libc.mlock(ctypes.c_void_p(_address(self)), ctypes.c_size_t(len(self)))

    def __repr__(self) -> str:
        return f"<key of {len(self)} bytes>"

    def __str__(self) -> str:
        # Libraries that take text or bytes would take this text for the bytes.
        raise TypeError("a key is not text")

    def __reduce_ex__(self, protocol: object) -> str:
        raise TypeError("a key does not leave its process")

    def __del__(self) -> None:
        wipe(self)


def wipe(buffer: bytearray) -> None:
    """Overwrite with zeros, in place."""
    if buffer:
        ctypes.memset(_address(buffer), 0, len(buffer))


def harden() -> None:
    """For processes that see keys: no core dumps, and no looks into their memory by others of the same user.

    DEBUGGABLE=1 leaves the second out: a profiler, or a test that reads a process's environment, needs it.
    """
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux" and _libc is not None and not env.flag("DEBUGGABLE", False):
        _libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def _address(buffer: bytearray) -> int:
    return ctypes.addressof((ctypes.c_char * len(buffer)).from_buffer(buffer))
