"""Image files of a study's grids, each with the settings that reproduce it."""

from dataclasses import replace
from typing import Any

import numpy as np

from jaxnst import images
from jaxnst._files import fitting_name
from jaxnst.networks.googlenet import ARCHITECTURE, GoogLeNet
from jaxnst.optimize.result import Result
from jaxnst.pipeline.provenance import describe
from jaxnst.pipeline.settings import Settings
from jaxnst.reports.tables import axis_texts
from jaxnst.study.plan import Candidate, Plan
from jaxnst.study.runs import Grid

PICTURES = "pictures"  # the folder of them


def network_settings(candidate: Candidate) -> dict[str, Any]:
    """`network` and `weights` of the settings that load a candidate's network."""
    if candidate.weights_file is None:
        return {"network": candidate.label, "weights": None}
    module = candidate.network.module
    architecture = (
        ARCHITECTURE if isinstance(module, GoogLeNet) else module.architecture
    )
    return {"network": architecture, "weights": candidate.weights_file}


def write_pictures(
    candidate: Candidate, settings: Settings, grid: Grid, plan: Plan
) -> None:
    """Into the folder "pictures" beside the report."""
    pair = plan.pair
    folder, sources = pair.folder / PICTURES, (pair.content, pair.style)
    folder.mkdir(exist_ok=True)
    choices = list(candidate.layer_choices.items())
    alphas, betas = axis_texts(plan.alphas), axis_texts(plan.betas)
    steps = sum(settings.optimization.steps)
    for index in np.ndindex(grid.content.shape):
        if not grid.mask[index[1:]]:
            continue
        start, (label, layers) = plan.starts[index[0]], choices[index[1]]
        alpha, beta = plan.alphas[index[2]], plan.betas[index[3]]
        of_choice = candidate.settings(plan.settings, layers)
        changed = replace(
            settings,
            objective=of_choice.objective,
            terms=replace(of_choice.terms, alpha=alpha, beta=beta),
            optimization=replace(settings.optimization, init=start),
        )
        ends = {"content": grid.content[index], "style": grid.style[index]}
        trace = {name: np.array([value]) for name, value in ends.items()}
        image = grid.images[index]
        result = Result(
            image, trace, steps, bool(np.isfinite(ends["style"])), 0.0, None
        )
        name = f"{candidate.label}_{start}_{label.replace(' ', '-')}"
        name += f"_alpha{alphas[index[2]]}_beta{betas[index[3]]}"
        images.save_image(
            folder / fitting_name(name, ".png"),
            image,
            like=pair.like,
            metadata=describe(
                changed,
                candidate.network,
                result,
                pictures=sources,
                digests=dict(zip(map(str, sources), pair.digests, strict=True)),
            ),
        )
