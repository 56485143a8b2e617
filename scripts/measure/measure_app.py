"""Measure what the page of `jaxnst app` takes: seconds to start (also of one core,
however busy the machine), memory, drafts.

    python scripts/measure/measure_app.py

Starts the command in a new process, waits until the page answers, and has the samples
drafted in one pass three times: the first compiles, the last two differ in strength.
"""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

from jaxnst.app import check_installed
from jaxnst.app.uploads import sample_pictures
from jaxnst.cli._app import Common, run_module


@dataclass(frozen=True, kw_only=True)
class Arguments(Common):
    size: int = 512
    """Long side of the picture that is drafted; drafts are 384 pixels at most."""


@contextmanager
def page() -> Iterator[tuple[str, psutil.Process]]:
    """The page's address, when it answers, and its process."""
    line = [sys.executable, "-m", "jaxnst", "app", "--json", "--quiet"]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        answer = process.stdout.readline()
        if not answer:
            raise ValueError("the page did not start; its error stands above")
        address = json.loads(answer)["address"]
        urllib.request.urlopen(address).read()
        yield address, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def main(arguments: Arguments) -> None:
    check_installed()
    from gradio_client import Client, handle_file

    began = time.perf_counter()
    with page() as (address, process):
        found = {"start_seconds": time.perf_counter() - began}
        used = process.cpu_times()
        found["start_cpu_seconds"] = used.user + used.system
        found["start_mib"] = process.memory_info().rss / 2**20
        client = Client(address, verbose=False)
        content, style = map(handle_file, map(str, sample_pictures()))
        for name, strength in (("first", 0.5), ("second", 0.5), ("other", 0.8)):
            before = time.perf_counter()
            options = {"size": arguments.size, "strength": strength}
            client.predict(content, [style], options, api_name="/draft")
            found[f"{name}_draft_seconds"] = time.perf_counter() - before
        found["draft_mib"] = process.memory_info().rss / 2**20
    rounded = {name: round(value, 2) for name, value in found.items()}
    for name, value in rounded.items():
        arguments.say(f"{name.replace('_', ' '):22} {value:g}")
    arguments.answer(**rounded)


if __name__ == "__main__":
    sys.exit(run_module(sys.modules[__name__]))
