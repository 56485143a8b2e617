"""The server: Gradio without analytics, on this machine alone, offline."""

import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"

# Read when Gradio is imported: nothing is sent or fetched, not even a version number.
_ENVIRONMENT = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_SHARE": "False",
    "GRADIO_DEBUG": "0",
    "GRADIO_RUN_HISTORY": "False",  # which newer versions keep in the browser
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}

# What a page of ours may fetch: from its own server, and what it holds itself.
POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "frame-ancestors 'self'",
    )
)


# Modules whose own warnings are for those who write them.
_GRADIO = ("gradio", "starlette", "fastapi", "uvicorn", "websockets", "httpx")


@dataclass(frozen=True)
class Served:
    """A server that runs.

    Attributes:
        address: of the page on this machine.
        public: for anyone, where that was asked for.
    """

    address: str
    public: str | None
    blocks: Any


@contextmanager
def serve(
    describe: Callable[[Exception], str],
    *,
    port: int | None = None,
    api_only: bool = False,
    share: bool = False,
    browser: bool = False,
) -> Iterator[Served]:
    """The server, within the block.

    Args:
        describe: an error as one line.
        port: None, the first that is free from 7860 on.
        api_only: for programs alone, without a page.
        share: let anyone who knows the public address use it, through Gradio's servers.
        browser: open the page in the user's browser.

    Raises:
        OSError: the port is taken, or sharing failed.
    """
    folder = Path(tempfile.mkdtemp(prefix="jaxnst-app-"))
    os.environ.update(_ENVIRONMENT, GRADIO_TEMP_DIR=str(folder / "uploads"))
    if share:
        del os.environ["HF_HUB_OFFLINE"]
    try:
        with _quiet():
            from jaxnst.app.sessions import Sessions

            sessions = Sessions(folder / "made")
            blocks = build(sessions, describe, api_only=api_only)
            address, public = _launch(blocks, port, share, browser, api_only)
        if share and public is None:
            blocks.close(verbose=False)
            raise OSError("no public address could be had; is there a way to the web?")
        try:
            yield Served(address, public, blocks)
        finally:
            sessions.close_all()
            with _quiet():
                blocks.close(verbose=False)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def build(
    sessions: Any, describe: Callable[[Exception], str], *, api_only: bool
) -> Any:
    """The page and the endpoints for programs, or these alone, as Gradio's blocks."""
    import gradio as gr

    from jaxnst.app.endpoints import add_endpoints

    blocks = gr.Blocks(
        title="jaxnst",
        analytics_enabled=False,
        fill_width=True,
        delete_cache=(3600, 24 * 3600),
    )
    with blocks:
        add_endpoints(sessions, describe)  # first: their names are those that are free
        if not api_only:
            from jaxnst.app import components, events

            events.connect(components.build(), sessions, describe, blocks)
    blocks.queue(default_concurrency_limit=4, status_update_rate=1)
    return blocks


def _launch(
    blocks: Any, port: int | None, share: bool, browser: bool, api_only: bool
) -> tuple[str, str | None]:
    from starlette.middleware import Middleware

    from jaxnst.app.look import CSS, HEAD, theme
    from jaxnst.app.uploads import MAX_BYTES

    _, address, public = blocks.launch(
        server_name=HOST,
        server_port=port,
        share=share,
        inbrowser=browser,
        quiet=True,
        prevent_thread_lock=True,
        show_error=True,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        enable_monitoring=False,
        footer_links=[],
        max_file_size=MAX_BYTES,
        theme=theme(),
        css=CSS,
        head=HEAD,
        app_kwargs={"middleware": [Middleware(Guard, page=not api_only)]},
    )
    return address, public


class Guard:
    """Answers with a policy under which a browser fetches nothing from other hosts;
    without a page its address says how it is used instead."""

    def __init__(self, app: Any, *, page: bool) -> None:
        self._app, self._page = app, page

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if not self._page and scope["path"] == "/":
            await _plain(send, "jaxnst for programs: gradio_client.Client(address)\n")
            return

        async def guarded(message: Any) -> None:
            if message["type"] == "http.response.start":
                policy = (b"content-security-policy", POLICY.encode("ascii"))
                message = {**message, "headers": [*message["headers"], policy]}
            await send(message)

        try:
            await self._app(scope, receive, guarded)
        except Exception as error:
            # A page that is closed while it sends a picture is nothing to report.
            if type(error).__name__ != "ClientDisconnect":  # Starlette's
                raise


async def _plain(send: Any, text: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Gradio's own warnings, which are for those who write it."""
    with warnings.catch_warnings():
        for module in _GRADIO:
            warnings.filterwarnings("ignore", module=module)
        yield
