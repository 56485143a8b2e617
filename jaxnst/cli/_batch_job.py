"""The painting of many pairs: read ahead, compute, write behind, and keep count."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import jax
from jax import Array

import jaxnst
from jaxnst import images
from jaxnst._files import sha256
from jaxnst.cli._app import EXPECTED, describe_error
from jaxnst.cli._manifest import Manifest
from jaxnst.cli._pairs import Pair
from jaxnst.feedforward.model import FeedForward
from jaxnst.networks.network import Network
from jaxnst.optimize.memory import max_parallel_items
from jaxnst.optimize.result import Callback, Progress, Result
from jaxnst.pipeline.inputs import sizes_of, with_size_of
from jaxnst.pipeline.provenance import describe, named
from jaxnst.pipeline.run import padded_size
from jaxnst.pipeline.settings import Settings

Size = tuple[int, int]

_PICTURES = 64  # decoded ones that are kept for the next pairs


@dataclass(frozen=True)
class Item:
    """A pair that can be painted, as far as the files' headers tell."""

    pair: Pair
    output: Path
    settings: Settings
    size: Size
    style_size: Size
    job: dict[str, Any]


@dataclass
class BatchJob:
    """What all pairs have in common, and what has become of them."""

    settings: Settings
    network: Network
    folder: Path
    manifest: Manifest
    quality: int | None
    multiple: int
    batch_size: int
    budget: int | None
    decoder: FeedForward | None
    report_progress: Callable[[float, int], bool]
    """Told how many pairs are done, in parts of one, and how many failed; True ends
    it."""
    done_before: int = 0
    painted: int = 0
    failed: list[tuple[Pair, str]] = field(default_factory=list)
    stopped: bool = False

    def __post_init__(self) -> None:
        self.size_of = lru_cache(None)(images.picture_size)
        self.digest_of = lru_cache(None)(sha256)
        self.load = lru_cache(_PICTURES)(images.load_image)

    def run(self, pairs: Iterable[Pair]) -> None:
        """Everything that is not there yet."""
        groups: dict[Any, list[Item]] = {}
        for pair in pairs:
            item = self._or_fail(pair, self.item, pair)
            if item is not None:
                shape = padded_size(item.size, self.multiple)
                levels = item.settings.geometry.levels()
                groups.setdefault((shape, levels), []).append(item)
        chunks = [chunk for group in groups.values() for chunk in self.chunks(group)]
        self._report(0)
        with ThreadPoolExecutor(2) as readers, ThreadPoolExecutor(1) as writer:
            ahead = self.read(readers, chunks[0][0]) if chunks else []
            behind: list[Future[None]] = []
            for number, (chunk, batch_size) in enumerate(chunks):
                pictures, following = ahead, chunks[number + 1 : number + 2]
                # What comes next is decoded while this is computed.
                ahead = [f for part, _ in following for f in self.read(readers, part)]
                results = self.compute(chunk, pictures, batch_size)
                if self.stopped:
                    for future in ahead:
                        future.cancel()
                    break
                for written in behind:
                    written.result()
                behind = [writer.submit(self.write, *pair) for pair in results]
            for written in behind:
                written.result()

    def item(self, pair: Pair) -> Item:
        """Raises what is wrong with the pair's files."""
        numbers: dict[str, Any] = dict(pair.numbers)
        terms = replace(self.settings.terms, **numbers)
        settings = replace(self.settings, terms=terms)
        settings = with_size_of(settings, self.size_of(pair.content))
        sizes = sizes_of(
            settings,
            pair.content,
            [pair.style],
            multiple=self.multiple,
            size_of=self.size_of,
        )
        job = {
            "content": self.digest_of(pair.content),
            "style": self.digest_of(pair.style),
            "weights": self.network.checksum,
            "settings": settings.to_json(),
            "multiple": self.multiple,
            "quality": self.quality,
        }
        if self.decoder is not None:
            job["decoder"] = self.decoder.checksum
        output = self.folder / pair.name
        return Item(pair, output, settings, sizes.content, sizes.styles[0], job)

    def chunks(self, group: list[Item]) -> Iterator[tuple[list[Item], int]]:
        """What is missing of a shape, in parts, and how many are computed in each.

        That number depends on all that was ever to be painted in this shape, not on
        what is missing: a picture is the same after an interruption as without one.
        """
        margin = 2 * self.settings.geometry.margin
        shape = [side + margin for side in padded_size(group[0].size, self.multiple)]
        most = min(
            self.batch_size, max_parallel_items(tuple(shape)) * jax.local_device_count()
        )
        batch_size = -(-len(group) // -(-len(group) // most))
        missing = [x for x in group if not self.manifest.has(x.pair.name, x.job)]
        self.done_before += len(group) - len(missing)
        for first in range(0, len(missing), batch_size):
            yield missing[first : first + batch_size], batch_size

    def read(
        self, readers: ThreadPoolExecutor, items: Iterable[Item]
    ) -> list[Future[tuple[Array, Array]]]:
        def pictures(item: Item) -> tuple[Array, Array]:
            content = self.load(item.pair.content, size=item.size)
            return content, self.load(item.pair.style, size=item.style_size)

        return [readers.submit(pictures, item) for item in items]

    def compute(
        self,
        chunk: list[Item],
        pictures: list[Future[tuple[Array, Array]]],
        batch_size: int,
    ) -> list[tuple[Item, Result]]:
        """Paint what could be read; bad files and numbers cost themselves alone."""
        readable = [
            (item, found)
            for item, future in zip(chunk, pictures, strict=True)
            if (found := self._or_fail(item.pair, future.result)) is not None
        ]
        if not readable:
            return []
        filled = readable + [readable[-1]] * (batch_size - len(readable))
        try:
            results = jaxnst.render_batch(
                self.settings,
                self.network,
                [found[0] for _, found in filled],
                [found[1] for _, found in filled],
                terms=[item.settings.terms for item, _ in filled],
                multiple=self.multiple,
                budget=self.budget,
                decoder=self.decoder,
                callback=self.callback(len(readable)),
            )
        except EXPECTED as error:
            for item, _ in readable:
                self.fail(item.pair, error, item)
            return []
        items = [item for item, _ in readable]
        return list(zip(items, results[: len(readable)], strict=True))

    def callback(self, count: int) -> Callback:
        def callback(progress: Progress) -> bool:
            self.stopped = self._report(count * progress.step / progress.steps)
            return self.stopped

        return callback

    def write(self, item: Item, result: Result) -> None:
        """Write a picture, then the line that says so."""
        pair, path = item.pair, item.output
        try:
            if not result.finite:
                raise ValueError(
                    "the loss was not finite; try a lower --learning-rate or weights"
                )
            files = pair.content, pair.style
            metadata = describe(
                item.settings,
                self.network,
                result,
                pictures=files,
                files=named(files),
                decoder=self.decoder,
            )
            images.save_image(
                path,
                result.image,
                like=pair.content,
                metadata=metadata,
                quality=self.quality,
            )
            record = self.record(pair, "done") | {
                "job": item.job,
                "sha256": sha256(path),
                "steps": result.steps,
                "final": metadata["final"],
            }
            self.manifest.append(record)
            self.painted += 1
        except EXPECTED as error:
            self.fail(pair, error, item)

    def record(self, pair: Pair, status: str) -> dict[str, Any]:
        files = {"content": str(pair.content), "style": str(pair.style)}
        return {"output": pair.name, "status": status} | files

    def fail(self, pair: Pair, error: Exception, item: Item | None = None) -> None:
        """Note what became of a pair; the others go on."""
        text = describe_error(error)
        self.failed.append((pair, text))
        record = self.record(pair, "failed") | {"error": text}
        if item is not None:
            record["job"] = item.job
        try:
            self.manifest.append(record)
        except OSError:
            pass  # no line is as good: what is not said to be done is tried again

    def _report(self, part: float) -> bool:
        done = self.done_before + self.painted + len(self.failed) + part
        return self.report_progress(done, len(self.failed))

    def _or_fail(self, pair: Pair, function: Callable[..., Any], *given: Any) -> Any:
        try:
            return function(*given)
        except EXPECTED as error:
            self.fail(pair, error)
            return None
