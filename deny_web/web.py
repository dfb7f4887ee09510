"""The web process: uvicorn on a socket that the supervisor listens on; `python -m deny_web.web FD`."""

import asyncio
import logging
import os
import socket
import sys

import uvicorn

from deny_web import env
from deny_web.children import GRACE
from vault import memory


class Server(uvicorn.Server):
    """uvicorn, with one grace for all: turns get theirs while connections have theirs, not after them."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        from chat import hosting

        ending = asyncio.create_task(hosting.here().stop())
        await super().shutdown(sockets)
        await ending


def config() -> uvicorn.Config:
    """The one configuration of the web process."""
    return uvicorn.Config(
        "deny_web.asgi:application",
        loop="uvloop",
        http="httptools",
        lifespan="on",
        access_log=False,  # addresses carry one-time tokens
        server_header=False,
        # X-Forwarded-For is believed from nobody, unless an operator says who the proxy is.
        proxy_headers=bool(os.environ.get("FORWARDED_ALLOW_IPS")),
        log_level=env.text("LOG_LEVEL", "WARNING").lower(),
        # Frames are small, and each socket would hold a third of a megabyte for it. Compressed beside what a stranger
        # says, a secret shows in the length (CRIME).
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=GRACE,  # without it, one open stream keeps the process for ever
    )


def main() -> None:
    """Serve until SIGTERM."""
    memory.harden()
    # "Cancel N running task(s)" is what the end of the grace means, nothing to report as an error.
    logging.getLogger("uvicorn.error").addFilter(lambda record: "graceful shutdown exceeded" not in record.msg)
    # Not uvicorn's own `fd`, which takes every descriptor for a unix socket: without TCP_NODELAY, which is then never
    # set, each answer on a kept connection waits 40 ms for the client's acknowledgement.
    Server(config()).run(sockets=[socket.socket(fileno=int(sys.argv[1]))])


if __name__ == "__main__":
    main()
