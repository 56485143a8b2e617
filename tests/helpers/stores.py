"""Object stores for tests: one in memory, one in files, and S3 on this machine."""

import logging
from contextlib import contextmanager
from urllib.request import Request, urlopen

import pytest


@contextmanager
def s3_server(patch):
    """S3 by moto on a port of this machine, with a bucket; its address.

    Processes that are started meanwhile find it, too.
    """
    s3fs = pytest.importorskip(
        "s3fs", reason="s3fs is not installed (extra remote-test)"
    )
    moto = pytest.importorskip(
        "moto.server", reason="moto is not installed (extra remote-test)"
    )
    from jaxnst.cli._remote import file_system

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    # All servers of a process have the same buckets.
    reset = Request(f"http://{host}:{port}/moto-api/reset", method="POST")
    urlopen(reset).close()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "TESTKEY",
        "AWS_SECRET_ACCESS_KEY": "hidden/secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        patch.setenv(name, value)
    # fsspec keeps what it opened, with the port of an earlier server.
    s3fs.S3FileSystem.clear_instance_cache()
    file_system.cache_clear()
    try:
        file_system("s3").mkdir("s3://bucket")
        yield "s3://bucket"
    finally:
        file_system.cache_clear()
        s3fs.S3FileSystem.clear_instance_cache()
        server.stop()


def clear_memory():
    """Empty the store in memory."""
    fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")
    fsspec.filesystem("memory").store.clear()
    fsspec.filesystem("memory").pseudo_dirs[:] = [""]


def contents(address):
    """{name: bytes} of everything in and under a folder of a store."""
    from jaxnst.cli._locations import location
    from jaxnst.cli._remote import files_under, read_bytes

    folder = location(address)
    return {name: read_bytes(folder / name) for name in files_under(folder)}


def put(address, data):
    """Write a file in a store."""
    from jaxnst.cli._locations import location
    from jaxnst.cli._remote import write_bytes

    write_bytes(location(address), data)
