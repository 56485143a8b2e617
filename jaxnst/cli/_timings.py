"""Where the time of a run went: `--timings`.

Parts of the run tell when they began and ended (`jaxnst._phases`), JAX what it traced,
lowered and compiled (`jax.monitoring`). Nothing is measured where nobody asks.
"""

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from jaxnst._phases import Phase, listening

# Of JAX, with the seconds they took: each ends when it is told of.
_COMPILING = "/jax/core/compile/"
_BACKEND = _COMPILING + "backend_compile_duration"
_HIT = "/jax/compilation_cache/cache_hits"

_WAITING = "compiling"  # the part in which a run waits for another thread's compiling

Span = tuple[float, float]
"""Beginning and end, by `time.perf_counter`."""

_begun: list[float] = []  # when the command began


def command_begins(*, as_process: bool) -> None:
    """Note that a command begins now or, `as_process`, with the process."""
    _begun[:] = [time.perf_counter() - (_process_age() if as_process else 0.0)]


def _process_age() -> float:
    """Seconds since this process began."""
    import psutil

    return max(0.0, time.time() - psutil.Process().create_time())


def covered(spans: Iterable[Span], within: Span) -> float:
    """Seconds of `within` in which at least one of `spans` lies."""
    total, reached = 0.0, within[0]
    for began, ended in sorted(spans):
        began, ended = max(began, reached), min(ended, within[1])
        if ended > began:
            total += ended - began
            reached = ended
    return total


class Timings:
    """What a run tells of its time, as seconds by phase.

    Attributes:
        began: when the command began.
        phases: parts that are over.
        compiling: spans in which this thread traced, lowered or compiled; `elsewhere`,
            other threads did.
        programs: how many were compiled or taken from the cache, `cached` of them.
    """

    def __init__(self) -> None:
        self.entered = time.perf_counter()
        self.began = _begun[0] if _begun else self.entered
        self.thread = threading.get_ident()
        self.phases: list[Phase] = []
        self.compiling: list[Span] = []
        self.elsewhere: list[Span] = []
        self.programs = self.cached = 0

    def told(self, phase: Phase) -> None:
        """A part of the run is over."""
        if threading.get_ident() == self.thread:
            self.phases.append(phase)
            if phase.name == _WAITING:
                self.compiling.append((phase.began, phase.ended))

    def compiled(self, event: str, seconds: float) -> None:
        """JAX has spent so many seconds on what `event` is about."""
        if not event.startswith(_COMPILING):
            return
        now = time.perf_counter()
        mine = threading.get_ident() == self.thread
        (self.compiling if mine else self.elsewhere).append((now - seconds, now))
        self.programs += event == _BACKEND

    def taken_from_cache(self, event: str) -> None:
        """JAX tells of its cache of compiled code."""
        self.cached += event == _HIT

    def facts(self) -> dict[str, Any]:
        """Seconds until now: {"import", "weights", ..., "levels": [{...}], "write",
        "other", "total"} and, beside them, {"compilation": {...}}."""
        now = time.perf_counter()
        total = _rounded(now - self.began)
        found: dict[str, Any] = {"import": _rounded(self.entered - self.began)}
        for name in ("weights", "pictures", "start"):
            found[name] = self._seconds(name)
        found["levels"] = list(self._levels())
        found["write"] = self._seconds("write")
        found["other"] = _rounded(total - sum(seconds for _, seconds in rows(found)))
        found["total"] = total
        whole = self.began, now
        found["compilation"] = {
            "programs": self.programs,
            "from_cache": self.cached,
            "seconds": _rounded(covered(self.compiling, whole)),
            "seconds_ahead": _rounded(covered(self.elsewhere, whole)),
        }
        return found

    def _seconds(self, name: str) -> float:
        return _rounded(sum(p.ended - p.began for p in self.phases if p.name == name))

    def _levels(self) -> Iterator[dict[str, Any]]:
        """Size, steps and seconds of each level: its targets, and what it starts from;
        its compilations; its steps."""
        for run in (phase for phase in self.phases if phase.name == "levels"):
            reached = run.began
            for each in self.phases:
                inside = run.began <= each.began and each.ended <= run.ended
                if each.name != "steps" or not inside:
                    continue
                before, steps = (reached, each.began), (each.began, each.ended)
                apart = [covered(self.compiling, span) for span in (before, steps)]
                (height, width), count = each.about
                yield {
                    "height": height,
                    "width": width,
                    "count": count,
                    "targets": _rounded(before[1] - before[0] - apart[0]),
                    "compile": _rounded(sum(apart)),
                    "steps": _rounded(steps[1] - steps[0] - apart[1]),
                }
                reached = each.ended


def _rounded(seconds: float) -> float:
    return round(seconds, 3)


def rows(facts: dict[str, Any]) -> list[tuple[str, float]]:
    """(phase, seconds) of `Timings.facts`, in the order in which they went; their sum
    is the total."""
    found = []
    for name, value in facts.items():
        if name == "levels":
            for number, level in enumerate(value, start=1):
                parts = ("targets", "compile", "steps")
                found += [(f"level {number}: {part}", level[part]) for part in parts]
        elif name not in ("total", "compilation"):
            found.append((name, value))
    return found


def table(facts: dict[str, Any]) -> str:
    """`Timings.facts` for people."""
    total, found = facts["total"], rows(facts)
    width = max(len(name) for name, _ in found)
    lines = [f"{'phase':{width}} seconds  share"]
    for name, seconds in [*found, ("total", total)]:
        share = seconds / total if total else 0.0
        lines.append(f"{name:{width}} {seconds:7.2f}  {share:5.0%}")
    for number, level in enumerate(facts["levels"], start=1):
        size = f"{level['width']} x {level['height']} pixels, margin and all"
        lines.append(f"level {number}: {size}, {level['count']} steps")
    how = facts["compilation"]
    compiled = f"compiled: {how['programs']} programs in {how['seconds']:.2f} s"
    compiled += f", {how['from_cache']} of them from the cache"
    if how["seconds_ahead"]:
        compiled += f"; {how['seconds_ahead']:.2f} s more beside other work"
    return "\n".join([*lines, compiled])


_current: list[Timings] = []  # JAX's listeners stay; they tell these


@contextmanager
def recorded(wanted: bool) -> Iterator[Timings | None]:
    """Within the block the times of a run are noted; None where that is not wanted."""
    if not wanted:
        yield None
        return
    _listen_to_jax()
    timings = Timings()
    _current.append(timings)
    try:
        with listening(timings.told):
            yield timings
    finally:
        _current.remove(timings)


_listens: list[bool] = []


def _listen_to_jax() -> None:
    """Let JAX tell whoever is in `_current`; JAX has no public way to end it."""
    from jax import monitoring

    if _listens:
        return

    def duration(event: str, duration_secs: float, **_: Any) -> None:
        for timings in _current:
            timings.compiled(event, duration_secs)

    def happened(event: str, **_: Any) -> None:
        for timings in _current:
            timings.taken_from_cache(event)

    monitoring.register_event_duration_secs_listener(duration)
    monitoring.register_event_listener(happened)
    _listens.append(True)
