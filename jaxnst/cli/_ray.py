"""Actors of Ray: on this machine, or on all of a cluster's.

Ray Data hands groups of pictures out, starts actors as there is room for them, and
repeats the group of one that died. Nothing is reported to Ray's makers.
"""

import json
import logging
import os
import re
import socket
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, nullcontext, redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import jax

from jaxnst.cli._actors import Painter, Shared
from jaxnst.cli._app import describe_error, warn
from jaxnst.cli._manifest import Record

_PATIENCE = 5.0  # seconds in which the address of a cluster answers

_STORE_BYTES = 2**29  # of memory that processes of this machine share: the network

_AHEAD = 2  # groups that an actor has, the one that it paints included


def import_ray() -> Any:
    """Ray with Ray Data.

    Raises:
        ValueError: they are not installed, or cannot be loaded here.
    """
    # Read by the processes that Ray starts.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        import_module("ray.data")
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError)
        why = "not installed" if missing else f"not to be loaded here ({error})"
        raise ValueError(
            f"Ray Data is {why}; install it with: pip install 'jaxnst[ray]'"
        ) from None
    return import_module("ray")


@contextmanager
def connected(
    address: str, *, actors: int | None, cores: int | None, debug: bool = False
) -> Iterator["RayEngine"]:
    """Ray's actors, as long as the block runs.

    This process computes on the CPU from then on: devices are the actors'.

    Args:
        address: of a cluster; "", what RAY_ADDRESS says, or this machine.
        actors: how many at most; None, as many as there is room for.
        cores: of each, where there is no GPU; None, all those of a machine.
        debug: whether everything that Ray and the actors print is shown.

    Raises:
        ValueError: Ray is not installed.
        OSError: the cluster cannot be reached, or Ray not be started.
    """
    ray = import_ray()
    jax.config.update("jax_platforms", "cpu")
    ours = not ray.is_initialized()
    with open(os.devnull, "w") as nowhere:
        # Ray prints what becomes of its processes to standard output.
        with redirect_stdout(sys.stderr if debug else nowhere):
            if ours:
                _start(ray, address or os.environ.get("RAY_ADDRESS") or "local", debug)
            try:
                yield _engine(ray, actors, cores)
            finally:
                if ours:
                    ray.shutdown()


def _start(ray: Any, address: str, debug: bool) -> None:
    if not debug:
        logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    local: dict[str, Any] = {}
    if address == "local":
        # Ray would have actors wait for every other program of this machine.
        os.environ.setdefault("RAY_worker_niceness", "0")
        local = {"include_dashboard": False, "object_store_memory": _STORE_BYTES}
    try:
        _check_answers(address)
        level = "INFO" if debug else "CRITICAL"
        with nullcontext() if debug else _silent_backend():
            ray.init(address=address, log_to_driver=debug, logging_level=level, **local)
    except (OSError, RuntimeError, ValueError) as error:
        what = "cannot start Ray" if local else f"there is no Ray at {address}"
        mend = "" if local else "; leave the address to use this machine alone"
        raise OSError(f"{what}: {_first_line(error)}{mend}") from error


@contextmanager
def _silent_backend() -> Iterator[None]:
    """Ray's part in C++, which starts in the block, is not heard from then on.

    It writes to the process's standard error whatever Python's is: that it was told to
    be silent, and later a warning about each pool of actors.
    """
    os.environ["RAY_BACKEND_LOG_LEVEL"] = "fatal"
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _check_answers(address: str) -> None:
    """OSError where nobody listens: Ray itself tries for minutes."""
    found = re.fullmatch(r"(?:ray://)?\[?([^/]+?)\]?:(\d+)", address)
    if found is not None:
        socket.create_connection((found[1], int(found[2])), _PATIENCE).close()


def _first_line(error: BaseException) -> str:
    text = describe_error(error) if isinstance(error, Exception) else str(error)
    return next(iter(text.strip().splitlines()), "")


def _engine(ray: Any, actors: int | None, cores: int | None) -> "RayEngine":
    """As many actors as the cluster has room for now."""
    resources = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    gpus = int(sum(each.get("GPU", 0) for each in resources))
    if gpus:
        return RayEngine(ray, min(gpus, actors or gpus), actors or gpus, None, True)
    counts = [int(each["CPU"]) for each in resources if each.get("CPU", 0) >= 1]
    most = max(counts, default=0)
    if cores is not None and cores > most:
        warn(f"no machine of Ray's has {cores} cores, but {most}: waiting for one")
    each = cores or min(counts, default=1)
    room = max(1, sum(count // each for count in counts))
    return RayEngine(ray, min(room, actors or room), actors or room, each, False, cores)


@dataclass(frozen=True)
class RayEngine:
    """Actors by Ray Data.

    Attributes:
        actors: how many there is room for now.
        most: how many there may be in the end.
        reserved: cores that an actor reserves; None, one and a GPU.
        side_by_side: whether an actor computes several pictures in one call.
        threads: how many an actor computes with; None, as many as JAX takes, so that
            pictures are those of a batch without Ray, bit for bit.
    """

    ray: Any
    actors: int
    most: int
    reserved: int | None
    side_by_side: bool
    threads: int | None = None

    def paint(
        self, shared: Shared, groups: Sequence[bytes]
    ) -> Generator[list[Record], None, None]:
        """As of `Engine`."""
        data = import_module("ray.data")
        context = data.DataContext.get_current()
        context.enable_progress_bars = context.print_on_execution_start = False
        # A block of what comes back holds one row, and does not wait for others.
        context.target_max_block_size = 1
        rows = [{"number": n, "group": group} for n, group in enumerate(groups)]
        most = min(self.most, len(rows))
        counter = self.ray.remote(num_cpus=0)(_Counter)
        options: dict[str, Any] = {"num_cpus": self.reserved or 1}
        if self.side_by_side:
            options["num_gpus"] = 1
        elif self.threads is not None:
            count = str(self.threads)
            variables = {"PJRT_NPROC": count, "NPROC": count}
            options["runtime_env"] = {"env_vars": variables}
        painted = data.from_items(rows, override_num_blocks=len(rows)).map_batches(
            _Actor,
            batch_size=1,
            compute=data.ActorPoolStrategy(
                min_size=1,
                max_size=most,
                initial_size=min(self.actors, most),
                max_tasks_in_flight_per_actor=_AHEAD,
            ),
            fn_constructor_kwargs={
                "shared": self.ray.put(shared),
                "counter": counter.options(max_restarts=-1, max_task_retries=-1)
                .remote(),
            },
            **options,
        )  # fmt: skip
        try:
            for batch in painted.iter_batches(batch_size=None, prefetch_batches=0):
                for text in batch["records"]:
                    yield json.loads(text)
        except self.ray.exceptions.RayError as error:
            raise OSError(f"Ray's actors cannot paint: {_cause(error)}") from error


def _cause(error: BaseException) -> str:
    """What went wrong in an actor, without Ray's words around it."""
    while isinstance(cause := getattr(error, "cause", None), BaseException):
        error = cause
    return _first_line(error) or type(error).__name__


class _Counter:
    """An actor that counts how often each group was begun, whoever died of it."""

    def __init__(self) -> None:
        self.tries: dict[int, int] = {}

    def begin(self, number: int) -> int:
        self.tries[number] = self.tries.get(number, 0) + 1
        return self.tries[number]


class _Actor:
    """`Painter` as Ray Data calls it."""

    def __init__(self, shared: Any, counter: Any) -> None:
        ray = import_module("ray")
        self.painter = Painter(
            lambda: ray.get(shared),
            lambda number: ray.get(counter.begin.remote(number)),
        )

    def __call__(self, batch: Any) -> Iterator[dict[str, list[str]]]:
        number, group = int(batch["number"][0]), bytes(batch["group"][0])
        for records in self.painter(number, group):
            yield {"records": [json.dumps(records)]}
