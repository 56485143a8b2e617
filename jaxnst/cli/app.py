"""Open a page to play with: a photograph and a painting become a picture while one
watches.

    jaxnst app

It is served on this machine alone, needs no network, and ends with Ctrl-C. Programs
reach the same through Gradio's client.
"""

import os
import sys
import time
from dataclasses import dataclass

from jaxnst.app import check_installed
from jaxnst.cli._app import Common, describe_error
from jaxnst.cli._parser import Misuse, option

USAGE = "[--port N] [--open] [--api-only]"
HELP = {"output": ("port", "open", "api_only", "json", "quiet")}

_SHARING = ("with", "anyone")

_PATIENCE = 1.0  # seconds that a run has to end in


@dataclass(frozen=True, kw_only=True)
class Arguments(Common):
    port: int | None = None
    """Port of the address; the first that is free from 7860 on if not given."""
    open: bool = False
    """Open the page in the browser, too."""
    api_only: bool = False
    """Serve programs alone, without a page."""
    share: tuple[str, ...] | None = option(None, metavar="WORD")
    """Let anyone who has the public address use this computer, through servers of
    Gradio's makers; only in so many words: --share with anyone."""


def check(arguments: Arguments) -> None:
    """Raise what is wrong before Gradio is imported, which takes seconds."""
    if arguments.share is not None and tuple(arguments.share) != _SHARING:
        raise Misuse(
            "--share lets anyone who has the public address use this computer, over "
            "servers of Gradio's makers; where that is meant, say --share with anyone"
        )
    if arguments.port is not None and not 1 <= arguments.port < 2**16:
        raise Misuse(f"--port must be from 1 to 65535, got {arguments.port}")
    if arguments.open and arguments.api_only:
        raise Misuse("--open and --api-only exclude each other: there is no page")
    check_installed()


def main(arguments: Arguments) -> int:
    check(arguments)
    from jaxnst.app.server import serve

    with serve(
        describe_error,
        port=arguments.port,
        api_only=arguments.api_only,
        share=arguments.share is not None,
        browser=arguments.open,
    ) as served:
        what = "for programs" if arguments.api_only else "the page"
        arguments.say(f"{what}: {served.address} (Ctrl-C ends it)")
        if served.public:
            arguments.say(f"for anyone: {served.public}")
        arguments.answer(address=served.address, public=served.public)
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            arguments.note("ended")
    _leave_a_run_behind()
    return 0


def _leave_a_run_behind() -> None:
    """End this process if a run goes on: XLA crashes where Python ends while it
    compiles, and whoever pressed Ctrl-C does not want to wait for that."""
    from jaxnst.app.runs import device

    with device(wait=_PATIENCE) as free:
        if not free:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)
