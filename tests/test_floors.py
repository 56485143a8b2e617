"""The public names, the floors that imports point down, and what importing does."""

import ast
import dataclasses
import importlib
import inspect
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import jaxnst

PACKAGE = Path(jaxnst.__file__).parent

# Packages from the lowest floor to the highest: imports point down between floors, and
# packages of one floor do not know each other.
FLOORS = [
    [
        *("_checks", "_files", "_fingerprint", "_memory_limits"),
        *("_phases", "_types", "_version"),
    ],
    ["_checksum", "_quick_jit"],
    ["linalg", "sorting"],
    ["gaussian", "images", "networks"],
    ["losses", "pretrained"],
    ["optimize", "feedforward", "metrics"],
    ["parallel"],
    ["pipeline"],
    ["reports", "training", "video"],
    ["study"],
    ["app"],
    ["cli"],
    ["__main__"],
]
FLOOR = {name: floor for floor, names in enumerate(FLOORS) for name in names}


def modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        yield ".".join(parts).removesuffix(".__init__"), path


@cache
def imports(path):
    """Dotted names of what a file imports, wherever in it."""
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} has a relative import"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def known(dotted):
    """The longest beginning of a name in jaxnst that is a module."""
    parts = dotted.split(".")[1:]
    names = {name for name, _ in modules()}
    for end in range(len(parts), 0, -1):
        if ".".join(parts[:end]) in names:
            return ".".join(parts[:end])
    return None


MODULES = dict(modules())


@pytest.mark.parametrize("module", [m for m in MODULES if m not in ("__init__", "")])
def test_imports_point_down(module):
    package = module.split(".")[0]
    for name in imports(MODULES[module]):
        top = name.split(".")[0]
        assert top not in ("scripts", "tests")
        if top != "jaxnst":
            continue
        target = known(name)
        if target is None:  # the whole package, by its public names
            assert package in ("cli", "app"), f"{module} imports all of jaxnst: {name}"
            continue
        other = target.split(".")[0]
        below = FLOOR[other] < FLOOR[package] or other == package
        assert below, f"{module} imports {target}"


def test_every_package_has_a_floor():
    assert {module.split(".")[0] for module in MODULES} - {"", "__init__"} <= set(FLOOR)


@pytest.mark.parametrize(
    "module, wanted",
    [
        ("losses.functional", {"_checks", "_types", "linalg"}),
        ("losses.wasserstein", {"_checks", "gaussian", "linalg", "losses.functional"}),
        ("gaussian", {"_types", "linalg"}),
    ],
)
def test_losses_need_little(module, wanted):
    needed = {known(n) for n in imports(MODULES[module]) if n.startswith("jaxnst.")}
    assert needed <= wanted


PACKAGES = [m for m in MODULES if MODULES[m].name == "__init__.py" and m != "__init__"]


@pytest.mark.parametrize("package", PACKAGES)
def test_no_function_hides_a_module(package):
    """`jaxnst.losses.objective` would be a module or a function, as the wind blows."""
    module = importlib.import_module(f"jaxnst.{package}")
    assert (module.__doc__ or "").count(".") >= 1
    inside = {m.rpartition(".")[2] for m in MODULES if m.rpartition(".")[0] == package}
    for name in inside & set(vars(module)):
        assert inspect.ismodule(getattr(module, name)), f"{package}.{name}"


PIP = {"--force-reinstall", "--no-deps", "--only-binary", "--require-hashes", "--hash"}
PIP |= {"--no-input", "--dest", "--disable-pip-version-check"}
FLAG = re.compile(r"(?<![\w-])--[a-z][\w-]*")


@pytest.mark.parametrize("module", [m for m in MODULES if m.split(".")[0] != "cli"])
def test_options_and_scripts_are_named_on_the_command_line_alone(module):
    """What the library says can be done in Python."""
    text = MODULES[module].read_text()
    assert not re.search(r"\bscripts/\w", text)
    found = set(FLAG.findall(text)) - PIP
    if module == "app.painting":  # the page shows the command that paints a picture
        found -= {"--from", "--content-mask", "--protect"}
    assert not found, found


def test_imports_go_in_no_circle():
    graph = {
        module: {known(n) for n in imports(path) if n.split(".")[0] == "jaxnst"}
        for module, path in MODULES.items()
    }
    done, open_ = set(), []

    def visit(module):
        assert module not in open_, " -> ".join([*open_, module])
        if module in done or module not in graph:
            return
        open_.append(module)
        for target in graph[module] - {None}:
            visit(target)
        done.add(open_.pop())

    for module in graph:
        visit(module)


def test_pillow_is_imported_where_pictures_are_read_and_drawn_alone():
    importers = {
        module
        for module, path in MODULES.items()
        if any(name.split(".")[0] == "PIL" for name in imports(path))
    }
    assert {module.split(".")[0] for module in importers} <= {"images"}


def test_torch_is_imported_nowhere():
    for path in MODULES.values():
        assert not any(name.split(".")[0] == "torch" for name in imports(path))


# Public names


def test_all_names_are_there_and_sorted():
    assert sorted(jaxnst.__all__) == list(jaxnst.__all__)
    for name in jaxnst.__all__:
        assert hasattr(jaxnst, name)


def test_names_come_when_they_are_asked_for():
    """Importing the package costs nothing; every name is where it was."""
    code = (
        "import sys, jaxnst; assert 'jax' not in sys.modules\n"
        "assert set(jaxnst.__all__) <= set(dir(jaxnst))\n"
        "assert jaxnst.images.MAX_PIXELS and jaxnst.optimize.stylize\n"
        "from jaxnst import *\nprint(Config.__name__, presets.__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=PACKAGE.parent
    )
    assert done.stdout.split() == ["Config", "jaxnst.pipeline.presets"], done.stderr
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        jaxnst.nothing  # noqa: B018


@pytest.mark.parametrize("name", jaxnst.__all__)
def test_public_names_are_documented(name):
    thing = getattr(jaxnst, name)
    assert thing.__doc__ and len(thing.__doc__) > 20
    if inspect.isclass(thing):
        # dataclass writes the signature where nobody wrote a docstring
        assert not thing.__doc__.startswith(f"{thing.__name__}(")
        for method, value in vars(thing).items():
            if not method.startswith("_") and inspect.isfunction(value):
                assert value.__doc__, f"{name}.{method}"


PUBLIC = [n for n in jaxnst.__all__ if inspect.isfunction(getattr(jaxnst, n))]
POSITIONAL = {
    "load_image": ["path"],
    "save_image": ["path", "image"],
    "load_network": ["name"],
    "load_feedforward": ["weights"],
    "network_from_weights": ["weights"],
    "gram_matrix": ["features"],
    "content_loss": ["features", "target"],
    "style_loss": ["gram", "target"],
    "wasserstein_loss": ["features", "target"],
    "total_variation": ["image"],
    "make_targets": ["network", "content", "style", "config"],
    "objective": ["image", "network", "targets", "weights", "config"],
    "stylize": ["network", "content", "style"],
    "stylize_pyramid": ["network", "content", "style"],
    "stylize_batch": ["network", "contents", "styles"],
    "grid_search": ["network", "content", "style"],
    "render": ["settings", "network", "content", "styles"],
    "render_batch": ["settings", "network", "contents", "styles"],
    "best_start": ["result"],
    "split_rows": ["network", "content"],
    "render_grid": ["settings", "network", "content", "styles"],
    "render_texture": ["settings", "network", "styles", "size"],
}


@pytest.mark.parametrize("name", PUBLIC)
def test_options_are_keywords(name):
    parameters = inspect.signature(getattr(jaxnst, name)).parameters.values()
    positional = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert positional == POSITIONAL[name]
    for parameter in parameters:
        loads = name in ("load_network", "load_feedforward")
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD and not loads:
            assert parameter.default is parameter.empty


@pytest.mark.parametrize("name", ["Config", "Network", "Result", "Targets", "Weights"])
def test_public_classes_are_frozen_dataclasses(name):
    thing = getattr(jaxnst, name)
    assert dataclasses.is_dataclass(thing) and thing.__dataclass_params__.frozen
    for field in dataclasses.fields(thing):
        assert f"{field.name}:" in thing.__doc__, f"{name}.{field.name}"


# Importing

IMPORT = """
import socket, sys, threading, warnings

def refuse(*args, **kwargs):
    raise AssertionError("a socket was opened")

socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
import jax
before = dict(jax.config.values)
modules = set(sys.modules)
import jaxnst
from jax._src import xla_bridge

assert dict(jax.config.values) == before, "a flag of JAX changed"
assert not xla_bridge._backends, "a backend was started"
assert not any(f[0] != "default" and "jaxnst" in str(f) for f in warnings.filters)
for name in ("torch", "matplotlib", "shtab", "jaxnst.cli"):
    assert name not in sys.modules, name + " was imported"
"""


def test_importing_changes_nothing(tmp_path):
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", IMPORT],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout == run.stderr == ""
    assert not list(tmp_path.iterdir())
