"""A server of one file that can drop, ignore and lie."""

import http.server
import os
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Server(http.server.ThreadingHTTPServer):
    """Serves `body`; `drops` answers break off halfway through what they send.

    With `cut` every answer is torn off after so many bytes; with `open_line` the
    connection stays open behind the last byte.
    """

    daemon_threads = True

    def __init__(self, body: bytes):
        super().__init__(("127.0.0.1", 0), Handler)
        self.body, self.drops, self.status = body, 0, []
        self.ranges, self.length = True, True
        self.cut: int | None = None
        self.open_line = threading.Event()
        self.open_line.set()
        self.requests: list[str | None] = []
        self.whole = 0
        self.url = f"http://127.0.0.1:{self.server_port}/net.pth"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server, wanted = self.server, self.headers.get("Range")
        server.requests.append(wanted)
        if server.status:
            return self.answer(server.status.pop(0))
        start = 0
        if wanted and server.ranges:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(server.body):
                return self.answer(416, f"bytes */{len(server.body)}")
        body = server.body[start:]
        self.send_response(206 if start else 200)
        if start:
            last = len(server.body) - 1
            self.send_header("Content-Range", f"bytes {start}-{last}/{last + 1}")
        if server.length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if server.cut is not None and server.cut < len(body):
            self.wfile.write(body[: server.cut])
            self.wfile.flush()
            # A reset, not an end: what the other side waits for raises an error.
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            os.close(self.connection.detach())
            return
        if server.drops:
            server.drops -= 1
            self.wfile.write(body[: len(body) // 2])
            return
        server.whole += not start
        try:
            self.wfile.write(body)
            server.open_line.wait(20)
        except OSError:
            pass  # the other side has had enough

    def answer(self, status, content_range=None):
        self.send_response(status)
        if content_range:
            self.send_header("Content-Range", content_range)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@contextmanager
def serving(body: bytes) -> Iterator[Server]:
    """A running server of `body` on this machine, stopped at the end."""
    with Server(body) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
