"""The painting of many pairs: read ahead, compute, write behind, and keep count."""

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import jaxnst
from jaxnst import images
from jaxnst._files import check_space, sha256, without_secrets
from jaxnst.cli._app import EXPECTED, describe_error, warn
from jaxnst.cli._batch_inputs import Inputs, Pictures, Source, mask_locations
from jaxnst.cli._locations import Address, Location
from jaxnst.cli._manifest import Manifest
from jaxnst.cli._outputs import save
from jaxnst.cli._pairs import Pair
from jaxnst.cli._remote_manifest import RemoteManifest, save_picture
from jaxnst.feedforward.model import FeedForward
from jaxnst.losses.regions import Regions
from jaxnst.networks.network import Network
from jaxnst.optimize.result import Callback, Progress, Result
from jaxnst.parallel.one_by_one import is_vectorized
from jaxnst.pipeline.inputs import sizes_of, with_size_of
from jaxnst.pipeline.provenance import describe
from jaxnst.pipeline.region_masks import check_count
from jaxnst.pipeline.run import padded_size
from jaxnst.pipeline.settings import Masks, Settings

Size = tuple[int, int]

_SETTINGS = 4096  # of pairs, by size and numbers of their own


@dataclass(frozen=True)
class Item:
    """A pair that can be painted, as far as the files' headers tell."""

    pair: Pair
    output: Location
    settings: Settings
    size: Size
    style_size: Size
    job: dict[str, Any]


Chunk = tuple[list[Item], int]
"""Items that are computed in one call, and for how many that call is made: it is filled
up."""


@dataclass
class BatchJob:
    """What all pairs have in common, and what has become of them."""

    settings: Settings
    network: Network
    folder: Location
    manifest: Manifest | RemoteManifest
    quality: int | None
    multiple: int
    batch_size: int
    budget: int | None
    decoder: FeedForward | None
    report_progress: Callable[[float, int], bool]
    """Told how many pairs are done, in parts of one, and how many failed; True ends
    it."""
    keep_metadata: bool = True
    side_by_side: bool | None = None
    """Whether several are computed in one call; None, as this machine's device has
    it."""
    done_before: int = 0
    painted: int = 0
    failed: list[tuple[Pair, str]] = field(default_factory=list)
    stopped: bool = False

    def __post_init__(self) -> None:
        self.inputs = Inputs()
        # Pairs share them: of each there would be kilobytes.
        self.settings_for = lru_cache(_SETTINGS)(self._settings_for)

    def run(self, pairs: Iterable[Pair]) -> None:
        """Everything that is not there yet."""
        for _ in self.paint(self.plan(pairs)):
            pass

    def plan(self, pairs: Iterable[Pair]) -> list[Chunk]:
        """What is not there yet, in parts of one shape."""
        groups: dict[Any, list[Item]] = {}
        pairs = list(pairs)
        self.inputs.look_at(place for pair in pairs for place in self.read_for(pair))
        for pair in pairs:
            item = self._or_fail(pair, self.item, pair)
            if item is not None:
                shape = padded_size(item.size, self.multiple)
                levels = item.settings.geometry.levels()
                groups.setdefault((shape, levels), []).append(item)
        chunks = [chunk for group in groups.values() for chunk in self.chunks(group)]
        self.report(0)
        self.check_space(item for chunk, _ in chunks for item in chunk)
        return chunks

    def paint(self, chunks: Sequence[Chunk]) -> Generator[list[Item], None, None]:
        """Paint part after part; the items of each, once they are written or failed."""
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
                if number:
                    yield chunks[number - 1][0]
                behind = [writer.submit(self.write, *pair) for pair in results]
            for written in behind:
                written.result()
            if chunks and not self.stopped:
                yield chunks[-1][0]

    def item(self, pair: Pair) -> Item:
        """Raises what is wrong with the pair's files."""
        settings, stored = self.settings_for(
            tuple(pair.numbers.items()),
            self.masks_of(pair),
            self.inputs.size_of(pair.content),
        )
        content: Any = pair.content  # whatever size_of knows
        style: Any = pair.style
        sizes = sizes_of(
            settings,
            content,
            [style],
            multiple=self.multiple,
            size_of=self.inputs.size_of,
        )
        job = {
            "content": self.inputs.digest_of(pair.content),
            "style": self.inputs.digest_of(pair.style),
            "weights": self.network.checksum,
            "settings": stored,
            "multiple": self.multiple,
            "quality": self.quality,
        }
        if not self.keep_metadata:
            job["keep_metadata"] = False
        masks = mask_locations(settings.masks)
        if masks:
            check_count(settings.masks, 1)
            job["masks"] = [self.inputs.digest_of(path) for path in masks]
        if self.decoder is not None:
            job["decoder"] = self.decoder.checksum
        output = self.folder / pair.name
        images.check_fits(pair.name, sizes.content)
        return Item(pair, output, settings, sizes.content, sizes.styles[0], job)

    def read_for(self, pair: Pair) -> tuple[Location, ...]:
        """Every file that is read for a pair."""
        return (pair.content, pair.style, *mask_locations(self.masks_of(pair)))

    def masks_of(self, pair: Pair) -> Masks:
        """Those of the pair, else of all."""
        masks = self.settings.masks
        if pair.content_mask is not None:
            masks = replace(masks, content_mask=str(pair.content_mask))
        if pair.style_mask is not None:
            masks = replace(masks, style_mask=(str(pair.style_mask),))
        if pair.protect is not None:
            masks = replace(masks, protect=str(pair.protect))
        return masks

    def _settings_for(
        self, numbers: tuple[tuple[str, float], ...], masks: Masks, size: Size
    ) -> tuple[Settings, dict[str, Any]]:
        """The settings of pairs with numbers and masks of their own and photographs of
        a size, and the same as JSON."""
        given: dict[str, Any] = dict(numbers)
        terms = replace(self.settings.terms, **given)
        settings = replace(self.settings, terms=terms, masks=masks)
        settings = with_size_of(settings, size)
        return settings, settings.to_json()

    def chunks(self, group: list[Item]) -> Iterator[Chunk]:
        """What is missing of a shape, in parts, and how many are computed in each.

        On CPUs one. Elsewhere it depends on all that was ever to be painted in this
        shape, not on what is missing: a picture is the same after an interruption as
        without one.
        """
        most = self.batch_size if is_vectorized(self.side_by_side) else 1
        batch_size = -(-len(group) // -(-len(group) // most))
        missing = [x for x in group if not self.manifest.has(x.pair.name, x.job)]
        self.done_before += len(group) - len(missing)
        for first in range(0, len(missing), batch_size):
            yield missing[first : first + batch_size], batch_size

    def check_space(self, items: Iterable[Item]) -> None:
        """Warn if all the pictures will not fit on the disk."""
        if isinstance(self.folder, Address):
            return
        needed = sum(images.least_bytes(item.pair.name, item.size) for item in items)
        try:
            check_space(self.folder, needed)
        except OSError as error:
            warn(describe_error(error))

    def read(
        self, readers: ThreadPoolExecutor, items: Iterable[Item]
    ) -> list[Future[Pictures]]:
        def pictures(item: Item) -> Pictures:
            pair, job = item.pair, item.job
            return self.inputs.read(
                Source(pair.content, job["content"], item.size),
                Source(pair.style, job["style"], item.style_size),
                item.settings,
                job.get("masks", ()),
            )

        return [readers.submit(pictures, item) for item in items]

    def compute(
        self,
        chunk: list[Item],
        pictures: list[Future[Pictures]],
        batch_size: int,
    ) -> list[tuple[Item, Result, images.Like]]:
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
                [found.content for _, found in filled],
                [found.style for _, found in filled],
                terms=[item.settings.terms for item, _ in filled],
                multiple=self.multiple,
                budget=self.budget,
                decoder=self.decoder,
                callback=self.callback(len(readable)),
                regions=self.regions_of([found for _, found in filled]),
            )
        except EXPECTED as error:
            for item, _ in readable:
                self.fail(item.pair, error, item)
            return []
        return [
            (item, result, found.like)
            for (item, found), result in zip(readable, results, strict=False)
        ]

    def regions_of(
        self, pictures: Sequence[Pictures]
    ) -> Sequence[Regions | None] | None:
        """Of each pair; None where no pair has any."""
        regions = [found.regions for found in pictures]
        return regions if any(own is not None for own in regions) else None

    def callback(self, count: int) -> Callback:
        def callback(progress: Progress) -> bool:
            self.stopped = self.report(count * progress.step / progress.steps)
            return self.stopped

        return callback

    def write(self, item: Item, result: Result, like: images.Like) -> None:
        """Write a picture, then the line that says so.

        Its photograph and painting may be gone by now.
        """
        pair, path = item.pair, item.output
        try:
            if not result.finite:
                raise ValueError(
                    "the loss was not finite; try a lower --learning-rate or weights"
                )
            content, style = str(pair.content), str(pair.style)
            digests = {content: item.job["content"], style: item.job["style"]}
            masks = map(str, mask_locations(item.settings.masks))
            digests |= dict(zip(masks, item.job.get("masks", ()), strict=True))
            metadata = describe(
                item.settings,
                self.network,
                result,
                pictures=(content, style),
                digests=digests,
                decoder=self.decoder,
            )

            def write(path: Path) -> None:
                images.save_image(
                    path,
                    result.image,
                    like=like,
                    metadata=metadata,
                    quality=self.quality,
                    keep_metadata=self.keep_metadata,
                )

            record = self.record(pair, "done") | {
                "job": item.job,
                **_saved(path, write),
                "steps": result.steps,
                "final": metadata["final"],
            }
            self.manifest.append(record)
            self.painted += 1
        except EXPECTED as error:
            self.fail(pair, error, item)

    def record(self, pair: Pair, status: str) -> dict[str, Any]:
        files = {"content": str(pair.content), "style": str(pair.style)}
        now = round(time.time(), 3)
        return {"output": pair.name, "status": status, "time": now} | files

    def fail(self, pair: Pair, error: Exception, item: Item | None = None) -> None:
        """Note what became of a pair; the others go on."""
        text = without_secrets(describe_error(error))
        self.failed.append((pair, text))
        record = self.record(pair, "failed") | {"error": text}
        if item is not None:
            record["job"] = item.job
        try:
            self.manifest.append(record)
        except OSError:
            pass  # no line is as good: what is not said to be done is tried again

    def report(self, part: float) -> bool:
        """Tell how many pairs are done, with `part` of what is being painted; whether
        to end."""
        done = self.done_before + self.painted + len(self.failed) + part
        return self.report_progress(done, len(self.failed))

    def _or_fail(self, pair: Pair, function: Callable[..., Any], *given: Any) -> Any:
        try:
            return function(*given)
        except EXPECTED as error:
            self.fail(pair, error)
            return None


def _saved(path: Location, write: Callable[[Path], None]) -> dict[str, Any]:
    """Write a picture; its checksums, for its record."""
    if isinstance(path, Address):
        return save_picture(path, write)
    trouble = save(path, write)[1]
    if trouble:
        raise OSError(trouble)
    return {"sha256": sha256(path)}
