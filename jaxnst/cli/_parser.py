"""Command lines from dataclasses: fields become options, nested ones without a prefix.

What an option is called, takes and does stands in the field's metadata (`option`), in
the string below the field, or in the words that are given for it.
"""

import argparse
import ast
import dataclasses
import inspect
import textwrap
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import (
    Any,
    Literal,
    NoReturn,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from jaxnst._files import check_no_address
from jaxnst.cli._locations import Address, location

T = TypeVar("T")
Words = Mapping[str, tuple[str | None, str]]
"""{dotted field: what it takes, such as "PIXELS", and what it does}."""

_METAVARS = {int: "N", float: "X", str: "TEXT", Path: "FILE"}


class Misuse(ValueError):
    """A command line that does not fit; says what is wrong with it."""


def option(
    default: Any = dataclasses.MISSING,
    *,
    flags: Sequence[str] = (),
    name: str | None = None,
    metavar: str | None = None,
    positional: bool = False,
    hidden: bool = False,
    bare: Any = None,
) -> Any:
    """A field of a command's arguments.

    Args:
        flags: short spellings, such as "-o".
        name: what it is called, if not as the field is.
        metavar: what it takes, in words.
        positional: given by its place, without a name.
        hidden: no option.
        bare: its value where it is given without one; None, one must be given.
    """
    about = {"flags": flags, "name": name, "metavar": metavar, "positional": positional}
    return field(default=default, metadata=about | {"hidden": hidden, "bare": bare})


@dataclass(frozen=True)
class Option:
    """One option: where its value goes, how it is written, what it takes and does."""

    dest: str
    flags: tuple[str, ...]
    kind: Any
    default: Any
    help: str
    metavar: str | None
    section: str
    bare: Any = None

    @property
    def name(self) -> str:
        """The field's own name, by which help groups list it."""
        return self.dest.rpartition(".")[2]

    @property
    def required(self) -> bool:
        return self.default is dataclasses.MISSING

    def add_to(self, group: Any, *, shown: bool) -> None:
        """Add it to a parser's group; its value is absent where it is not given."""
        how = _how(self.kind, self.metavar, self.default)
        text = self.help.replace("%", "%%")
        value = _shown(self.default)
        if value and self.flags and how.get("action") != "store_true":
            text += f" [{value}]".replace("%", "%%")
        how |= {"default": argparse.SUPPRESS}
        if self.bare is not None:
            how |= {"nargs": "?", "const": self.bare}
        if self.flags:
            how["dest"] = self.dest
        group.add_argument(
            *(self.flags or (self.dest,)),
            help=text if shown else argparse.SUPPRESS,
            **how,
        )


def _words(kind: Any) -> tuple[str, ...]:
    """The words that stand beside another type, as in int | Literal["original"]."""
    if get_origin(kind) not in (Union, types.UnionType):
        return ()
    others = [part for part in get_args(kind)[1:] if get_origin(part) is Literal]
    return tuple(word for part in others for word in get_args(part))


def _unwrapped(kind: Any) -> Any:
    """The type without None."""
    if get_origin(kind) in (Union, types.UnionType):
        return next(part for part in get_args(kind) if part is not type(None))
    return kind


def element_of(kind: Any) -> Any:
    """The type of each value of an option that takes several; None of others."""
    kind = _unwrapped(kind)
    return get_args(kind)[0] if get_origin(kind) is tuple else None


def _how(kind: Any, metavar: str | None, default: Any) -> dict[str, Any]:
    """What argparse is told of a type."""
    words = _words(kind)
    alternatives = get_args(kind)
    optional, kind = type(None) in alternatives, _unwrapped(kind)
    if words:
        return {"type": _or_word(kind, words), "metavar": metavar or _METAVARS[kind]}
    if kind is bool:
        if default is True:
            return {"action": argparse.BooleanOptionalAction}
        return {"action": "store_true"}
    how: dict[str, Any] = {}
    if get_origin(kind) is tuple:
        kind, how["nargs"] = get_args(kind)[0], "*"
    if get_origin(kind) is Literal:
        choices: tuple[Any, ...] = get_args(kind)
        how["metavar"] = "|".join(choices)
        if optional:
            return how | {"choices": (*choices, None), "type": _or_none(str)}
        return how | {"choices": choices}
    read = kind
    if kind is Path:
        read = _location if Address in alternatives else _path
    parse = _or_none(read) if optional else read
    return how | {"type": parse, "metavar": metavar or _METAVARS[kind]}


def _path(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("the name of a file is empty")
    try:
        check_no_address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return Path(text)


def _location(text: str) -> Path | Address:
    if not text:
        raise argparse.ArgumentTypeError("the name of a folder is empty")
    try:
        return location(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _or_none(kind: Any) -> Any:
    """Parses `kind`, and "none" as None, which takes a preset's value back."""

    def parse(text: str) -> Any:
        return None if text.lower() == "none" else kind(text)

    parse.__name__ = kind.__name__  # argparse names it where it refuses a value
    return parse


def _or_word(kind: Any, words: Sequence[str]) -> Any:
    """Parses `kind`, and a word as itself."""

    def parse(text: str) -> Any:
        return text.lower() if text.lower() in words else kind(text)

    parse.__name__ = " or ".join([kind.__name__, *words])
    return parse


def _shown(default: Any) -> str:
    """A default in words; "" where there is nothing to say."""
    if default is dataclasses.MISSING or default is None or isinstance(default, bool):
        return ""
    if isinstance(default, tuple):
        return " ".join(map(_shown, default))
    return f"{default:g}" if isinstance(default, float) else str(default)


def field_texts(cls: type) -> dict[str, str]:
    """The strings that stand below the fields of a dataclass and of its bases."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if not dataclasses.is_dataclass(base):
            continue
        tree = ast.parse(textwrap.dedent(inspect.getsource(base)))
        body = tree.body[0].body  # type: ignore[attr-defined]
        for node, below in zip(body, body[1:], strict=False):
            if isinstance(node, ast.AnnAssign) and isinstance(below, ast.Expr):
                if isinstance(below.value, ast.Constant):
                    name = node.target.id  # type: ignore[union-attr]
                    found[name] = " ".join(str(below.value.value).split())
    return found


def _in_a_list(sentence: str) -> str:
    """A sentence as help shows it: without capital and full stop."""
    first = sentence.partition(" ")[0]
    if first.istitle() and first not in ("Adam", "Ctrl-C"):
        sentence = sentence[0].lower() + sentence[1:]
    return sentence.removesuffix(".")


def options_of(
    cls: type,
    default: Any,
    words: Words,
    hidden: Sequence[str] = (),
    prefix: str = "",
    section: str = "",
) -> list[Option]:
    """Every option of a dataclass, nested ones in the order of their fields.

    Args:
        default: an instance whose values are the defaults, or None.
        words: for fields whose own words are not for users of a command line.
        hidden: dotted fields that are no options.
    """
    hints, texts = get_type_hints(cls), field_texts(cls)
    found = []
    for part in dataclasses.fields(cls):
        kind, dest = hints[part.name], prefix + part.name
        value = part.default if default is None else getattr(default, part.name)
        if dest in hidden or part.metadata.get("hidden"):
            continue
        if dataclasses.is_dataclass(kind) and isinstance(kind, type):
            held = None if value is dataclasses.MISSING else value
            found += options_of(kind, held, words, hidden, f"{dest}.", dest)
            continue
        metavar: str | None
        metavar, text = words.get(dest, (None, _in_a_list(texts.get(part.name, ""))))
        metavar = metavar or part.metadata.get("metavar")
        flags: tuple[str, ...] = ()
        if not part.metadata.get("positional"):
            name = part.metadata.get("name") or part.name
            flags = (*part.metadata.get("flags", ()), f"--{name.replace('_', '-')}")
        bare = part.metadata.get("bare")
        found.append(Option(dest, flags, kind, value, text, metavar, section, bare))
    return found


class Parser(argparse.ArgumentParser):
    """argparse's parser that raises `Misuse` and says which option was meant."""

    def __init__(
        self, prog: str, *, usage: str | None = None, description: str | None = None
    ) -> None:
        super().__init__(
            prog=prog,
            usage=usage,
            description=description,
            allow_abbrev=False,
            add_help=False,
            formatter_class=partial(
                argparse.RawDescriptionHelpFormatter, max_help_position=28
            ),
        )

    def error(self, message: str) -> NoReturn:
        known = [flag for action in self._actions for flag in action.option_strings]
        unknown = message.removeprefix("unrecognized arguments: ")
        if unknown != message:
            first = unknown.split()[0].partition("=")[0]
            if first[:1] == "-":
                near = get_close_matches(first, known, n=1)
                if Path(first).exists():
                    near = [f"./{first}"]
                message = f"unrecognized option {first}"
                message += f" (did you mean {near[0]}?)" if near else ""
            else:
                message = f"{message}; usage: {self.usage}"
        value = message.rpartition(" value: ")[2].strip("'")
        taken = ": invalid " in message and (Path(value).suffix or Path(value).exists())
        several = any(a.option_strings and a.nargs == "*" for a in self._actions)
        if taken or ("arguments are required: " in message and several):
            message += "; pictures stand before options that take several values"
        raise Misuse(message)


def parser_for(
    options: Sequence[Option],
    groups: Mapping[str, Sequence[str]],
    sections: Mapping[str, str],
    *,
    prog: str,
    usage: str,
    description: str,
    everything: bool,
) -> Parser:
    """A parser whose help shows the options of `groups`, and with `everything` the
    rest of them too, under the titles that `sections` has for where they come from."""
    parser = Parser(prog, usage=usage, description=description)
    titled: dict[str, Any] = {}

    def group(title: str) -> Any:
        if title not in titled:
            titled[title] = parser.add_argument_group(title)
        return titled[title]

    by_name = {each.name: each for each in options}
    listed = {name: title for title, names in groups.items() for name in names}
    for each in options:
        if not each.flags:
            each.add_to(group("pictures" if "Path" in str(each.kind) else "what"),
                        shown=True)  # fmt: skip
    for name, title in listed.items():
        if name in by_name and by_name[name].flags:
            by_name[name].add_to(group(title), shown=True)
    for each in options:
        if each.flags and each.name not in listed:
            title = sections.get(each.section, "more")
            each.add_to(group(title), shown=everything)
    helps = group("help")
    helps.add_argument("-h", "--help", action="store_true", default=argparse.SUPPRESS,
                       help="these options")  # fmt: skip
    helps.add_argument("--help-all", action="store_true", default=argparse.SUPPRESS,
                       help="every option")  # fmt: skip
    return parser


def build(
    cls: type[T], default: T | None, given: Mapping[str, Any], prefix: str = ""
) -> T:
    """An instance of the dataclass: the default with what was given in its place."""
    hints, values = get_type_hints(cls), {}
    for part in dataclasses.fields(cls):  # type: ignore[arg-type]
        kind, dest = hints[part.name], prefix + part.name
        if default is not None:
            values[part.name] = getattr(default, part.name)
        if dataclasses.is_dataclass(kind) and isinstance(kind, type):
            inner = values.get(part.name)
            if inner is None and part.default_factory is not dataclasses.MISSING:
                inner = part.default_factory()
            values[part.name] = build(kind, inner, given, f"{dest}.")
        elif dest in given:
            value = given[dest]
            if value == [None]:
                value = None
            values[part.name] = tuple(value) if isinstance(value, list) else value
    return cls(**values)
