"""The choices that a configuration offers are those that the functions admit."""

from typing import get_args, get_type_hints

from jaxnst import Config
from jaxnst.losses import functional
from jaxnst.networks import network, pooling


def offered(name):
    kind = get_type_hints(Config)[name]
    plain = [part for part in get_args(kind) if part is not type(None)]
    return set(plain if isinstance(plain[0], str) else get_args(plain[0]))


def test_every_choice_offered_is_admitted_and_none_is_missing():
    admitted = {
        "content_reduction": (*functional.CONTENT_REDUCTIONS, "self_similarity"),
        "style_reduction": functional.STYLE_REDUCTIONS,
        "gram_normalize": functional.GRAM_NORMALIZATIONS,
        "tv_kind": functional.VARIATION_KINDS,
        "tv_reduction": functional.VARIATION_REDUCTIONS,
        "pooling": pooling.POOLINGS,
        "padding": network.PADDING_CHOICES,
        "normalization": network.NORMALIZATIONS,
        "precision": network.PRECISIONS,
    }
    assert {name: offered(name) for name in admitted} == {
        name: set(choices) for name, choices in admitted.items()
    }
