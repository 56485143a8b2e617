"""A study as one web page: conclusions, figures and tables."""

from collections.abc import Sequence
from dataclasses import dataclass

from jaxnst._files import atomic_write
from jaxnst.reports import html
from jaxnst.reports.html import Entry
from jaxnst.study.figures import (
    Figure,
    curves,
    layers_figure,
    presets_figure,
    steps_figure,
    weights_figure,
)
from jaxnst.study.findings import Study, choose_judge, conclusions
from jaxnst.study.plan import Pair
from jaxnst.study.runs import PresetRun
from jaxnst.study.tables import (
    cost_table,
    judged_table,
    losses_table,
    write_losses,
    write_scores,
)

FILES = ("report.html", "losses.csv", "scores.csv") + tuple(
    f"{name}.png" for name in ("steps", "layers", "weights", "presets")
)
"""What `Report.write` writes."""


@dataclass(frozen=True)
class Report:
    """What a study's page shows.

    Attributes:
        missing: {network: how to get its weights} of networks that were left out.
        facts: names and values of the settings that all pictures share.
        shown: numbers of steps after which pictures and losses are shown.
    """

    study: Study
    presets: Sequence[PresetRun]
    missing: dict[str, str]
    facts: Sequence[tuple[str, str]]
    pair: Pair
    shown: Sequence[int]

    def figures(self) -> dict[str, Figure]:
        """{name: figure}."""
        judge = choose_judge(self.study)
        figures = {
            "steps": steps_figure(self.study, self.shown),
            "layers": layers_figure(self.study, judge),
            "weights": weights_figure(self.study, judge),
        }
        if self.presets:
            figures["presets"] = presets_figure(self.presets)
        return figures

    def write(self) -> None:
        """Write page, contact sheets and tables into the pair's folder."""
        folder, figures = self.pair.folder, self.figures()
        for figure in figures.values():
            figure.write(folder)
        names = self.pair.content.stem, self.pair.style.stem
        title = " as ".join(names).replace("_", " ") + ": a study"
        with atomic_write(folder / "report.html") as temporary:
            page = html.document(title, self.sections(figures))
            temporary.write_text(page, "utf-8")
        write_losses(self.study, folder / "losses.csv")
        write_scores(self.study, folder / "scores.csv")

    def sections(self, figures: dict[str, Figure]) -> dict[str, list[str]]:
        """{heading: blocks}."""
        sources = [
            Entry(image, caption)
            for image, caption in zip(
                self.pair.shown, ("photograph", "painting"), strict=True
            )
        ]
        blocks = {name: figure.block(sources) for name, figure in figures.items()}
        sections = {
            "Findings": [
                html.pictures([sources], row_labels=[""]),
                html.listing(conclusions(self.study)),
            ],
            "Networks and starts, step by step": self._steps(blocks["steps"]),
            "Judged": self._judged(),
            "Style layers: how many, and which": self._layers(blocks["layers"]),
            "Weights: from too much content to too much style": self._weights(
                blocks["weights"]
            ),
        }
        if self.presets:
            notes = [f"{p.name}: {p.note}." for p in self.presets if p.note]
            listed = [html.listing(notes)] if notes else []
            sections["Published systems"] = [blocks["presets"], *listed]
        if self.missing:
            lines = [f"{name}: {how}." for name, how in self.missing.items()]
            sections["Left out"] = [html.listing(lines)]
        sections["How it was made"] = [html.facts(self.facts)]
        return sections

    def _steps(self, figure: str) -> list[str]:
        tables = [
            losses_table(self.study, start, self.shown) for start in self.study.starts
        ]
        note = html.paragraph(
            "The losses of two networks are not comparable: each measures in its own "
            "features. Within a row they show how the optimisation goes on; networks "
            "are compared by the judges' distances below."
        )
        return [figure, note, *tables, html.drawings(curves(self.study))]

    def _judged(self) -> list[str]:
        text = (
            "Distances in another network than the one that painted: style from the "
            "painting (the photograph itself has 1), content from the photograph, and "
            "Q = style + content / 2; lower is better. A network that was distilled "
            "from the judge, or from one like it, has an advantage."
        )
        if not self.study.judges:
            text = (
                "No judge was given or is at hand: the networks' pictures can only be "
                "compared by eye."
            )
        tables = [judged_table(self.study, judge) for judge in self.study.judges]
        return [html.paragraph(text), *tables, cost_table(self.study)]

    def _caption_note(self) -> str:
        judge = choose_judge(self.study)
        return "" if judge is None else f" Under the pictures: distances by {judge}."

    def _layers(self, figure: str) -> list[str]:
        layers = [
            f"{results.label}, {choice}: {', '.join(names)}"
            for results in self.study.networks
            for choice, names in results.candidate.layer_choices.items()
        ]
        first = html.paragraph(f"From {self.study.starts[0]}.{self._caption_note()}")
        return [first, figure, html.listing(layers)]

    def _weights(self, figure: str) -> list[str]:
        choice = next(iter(self.study.networks[0].candidate.layer_choices))
        first = html.paragraph(f"Style from {choice}.{self._caption_note()}")
        return [first, figure]
