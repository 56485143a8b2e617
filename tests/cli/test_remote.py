"""jaxnst batch in object stores: a record for each picture, written after it."""

import json
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from networks import narrow_network, picture
from stores import clear_memory, contents, put, s3_server

import jaxnst
from jaxnst import _files, images, save_image
from jaxnst.cli import _actors, _app, _batch_job, _remote, _remote_manifest, batch
from jaxnst.cli._actors import Painter
from jaxnst.cli._locations import location
from jaxnst.cli._remote import files_under, remove
from jaxnst.optimize.result import Result
from scripts import driver

pytest.importorskip("fsspec", reason="fsspec is not installed (extra remote)")


@pytest.fixture
def painted(monkeypatch):
    """Photographs painted so far, by how bright a corner is; nothing is compiled."""
    found = []

    def render_batch(settings, network, pictures, styles, *, regions=None, **_):
        found.extend(int(255 * content[0, 0, 0] + 0.5) for content in pictures)
        trace = {"loss": np.array([1.0])}
        return [Result(content, trace, 1, True, 0.0, None) for content in pictures]

    monkeypatch.setattr(jaxnst, "render_batch", render_batch)
    monkeypatch.setattr(_actors, "keep_compiled", lambda: None)
    return found


@pytest.fixture
def here(tmp_path, monkeypatch, painted):
    """Three photographs whose corners are 10, 20, 30, and a painting."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    for folder in ("c", "s"):
        Path(folder).mkdir()
    for n in range(3):
        image = np.asarray(picture(16, 24, n)).copy()
        image[0, 0] = (10 * n + 10) / 255
        save_image(f"c/p{n}.png", image)
    save_image("s/x.png", picture(16, 16))
    return tmp_path


@pytest.fixture(scope="module")
def bucket():
    with pytest.MonkeyPatch.context() as patch, s3_server(patch) as address:
        yield address


S3 = pytest.param(
    "s3",
    marks=[
        pytest.mark.slow,
        # Of what talks to S3, and of what plays it.
        pytest.mark.filterwarnings("ignore::DeprecationWarning"),
        pytest.mark.filterwarnings("ignore::ResourceWarning"),
        pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    ],
)


@pytest.fixture(params=["memory", "file", S3])
def store(request, here):
    """The address of a folder in a store that holds what `here` does."""
    name = request.node.name.partition("[")[0]
    if request.param == "memory":
        clear_memory()
        root = "memory://bucket"
    elif request.param == "file":
        root = f"file://{here}/store"
    else:
        root = f"{request.getfixturevalue('bucket')}/{name}"
    for path in (*Path("c").iterdir(), *Path("s").iterdir()):
        put(f"{root}/{path}", path.read_bytes())
    return root


@pytest.fixture
def memory(here):
    clear_memory()
    for path in (*Path("c").iterdir(), *Path("s").iterdir()):
        put(f"memory://bucket/{path}", path.read_bytes())
    return "memory://bucket"


@pytest.fixture
def run(here, monkeypatch, capsys):
    """`jaxnst batch` of any folders."""
    network = narrow_network(depth=1)
    opened = lambda settings, typed: (settings, network, "")  # noqa: E731
    monkeypatch.setattr(batch, "open_network", opened)
    command = driver(batch, monkeypatch, capsys)
    return lambda *options: command("--size", "24", "--multiple", "8", *options)


@pytest.fixture
def drive(run):
    """`jaxnst batch` from a store into its folder "out"."""

    def drive(root, *options):
        given = ("--contents", f"{root}/c", "--styles", f"{root}/s")
        return run(*given, "-o", f"{root}/out", *options)

    return drive


ALL = {f"p{n}__x.png" for n in range(3)}


def pictures(root):
    found = contents(f"{root}/out")
    return {name: data for name, data in found.items() if "/" not in name}


def records(root, status="done"):
    found = contents(f"{root}/out/manifest/{status}")
    return {name.removesuffix(".json"): json.loads(x) for name, x in found.items()}


def test_a_batch_in_a_store_is_that_of_folders(store, run, drive, painted):
    code, out, error = drive(store)
    assert (code, error) == (0, "") and f"{store}/out: 3 of 3 pictures" in out
    assert run("--contents", "c", "--styles", "s", "-o", "here")[0] == 0
    local = {path.name: path for path in Path("here").glob("*.png")}
    there = pictures(store)
    assert set(there) == set(local) == ALL == set(records(store))
    for name, data in there.items():
        Path(name).write_bytes(data)
        np.testing.assert_array_equal(
            images.load_image(name), images.load_image(local[name])
        )
        stored = images.read_metadata(name)
        assert stored["content"] == f"{store}/c/{name[:2]}.png"
        plain = images.read_metadata(local[name])["sha256"]
        assert list(stored["sha256"].values()) == list(plain.values())
    painted.clear()
    code, out, _ = drive(store, "--json")
    answer = json.loads(out)
    assert (code, answer["done_before"], painted) == (0, 3, [])
    assert answer["output"] == f"{store}/out"
    assert not list(Path("scratch").iterdir())


def test_what_is_missing_or_another_is_painted_again(store, drive, painted):
    assert drive(store)[0] == 0
    before = pictures(store)
    folder = location(f"{store}/out")
    damage = {
        "p0__x.png": b"half a picture",
        "manifest/done/p1__x.png.json": b'{"output": "p1__x.png", "status": "do',
    }
    for name, data in damage.items():
        put(f"{folder}/{name}", data)
    remove(folder / "p2__x.png")
    painted.clear()
    assert drive(store)[0] == 0
    assert sorted(painted) == [10, 20, 30] and pictures(store) == before
    # Of the same size, but not the same.
    put(f"{folder}/p0__x.png", bytes(len(before["p0__x.png"])))
    remove(folder / "manifest/done/p1__x.png.json")
    painted.clear()
    assert drive(store)[0] == 0
    assert sorted(painted) == [10, 20] and pictures(store) == before
    painted.clear()
    save_image("new.png", picture(16, 16, 5))
    put(f"{store}/s/x.png", Path("new.png").read_bytes())
    assert drive(store)[0] == 0 and len(painted) == 3
    assert "from before" not in drive(store, "--beta", "3")[1]


def test_status_and_shares(store, drive):
    assert "0 of 3 pictures done, 0 failed, 3 missing" in drive(store, "--status")[1]
    put(f"{store}/c/p1.png", b"no picture")
    for n in (1, 2):
        drive(store, "--shard", f"{n}/2")
    code, out, error = drive(store, "--status", "--json")
    answer = json.loads(out)
    assert (code, answer["done"], answer["missing"]) == (0, 2, 0)
    (failed,) = answer["failed"]
    assert failed["pair"] == f"{store}/c/p1.png in the style of {store}/s/x.png"
    assert failed["error"].startswith(f"cannot read {store}/c/p1.png: ")
    assert set(pictures(store)) == {"p0__x.png", "p2__x.png"}
    code, out, error = drive(store)
    assert code == 1 and "2 of 3 pictures (2 from before)" in out
    remove(location(f"{store}/out/p0__x.png"))
    assert "1 of 3 pictures done, 1 failed, 1 missing" in drive(store, "--status")[1]


class Actors:
    """One actor in this process."""

    side_by_side, actors = False, 1

    def paint(self, shared, groups):
        painter = Painter(lambda: shared, lambda number: 1)
        for number, group in enumerate(groups):
            for rows in painter(number, group):
                yield json.loads(json.dumps(rows))


def test_actors_write_records_themselves(here, drive, monkeypatch, painted):
    store = f"file://{here}/store"
    for path in (*Path("c").iterdir(), *Path("s").iterdir()):
        put(f"{store}/{path}", path.read_bytes())
    put(f"{store}/c/p1.png", b"no picture")

    @contextmanager
    def connected(*_, **how):
        yield Actors()

    monkeypatch.setattr(batch, "connected", connected)
    written, own = [], _actors.write_record

    def write_record(folder, record):
        own(folder, record)
        written.append(record["output"])

    monkeypatch.setattr(_actors, "write_record", write_record)
    code, out, _ = drive(store, "--ray")
    assert code == 1 and "2 of 3 pictures" in out
    assert written == ["p0__x.png", "p2__x.png"]
    assert set(records(store)) == {"p0__x.png", "p2__x.png"} == set(pictures(store))
    assert set(records(store, "failed")) == {"p1__x.png"}
    painted.clear()
    # What a killed program leaves in files is removed.
    part = f".jaxnst-{_files._machine()}-999999999-abcdef.part"
    for folder in ("out", "out/manifest/done"):
        Path("store", folder, part).touch()
    assert "(2 from before)" in drive(store, "--ray")[1] and not painted
    assert not [name for name in contents(store) if ".part" in name]


def test_memory_is_not_for_several_processes(drive):
    code, _, error = drive(
        "memory://bucket", "--ray", "--contents", "c", "--styles", "s"
    )
    assert code == 2 and "is in the memory of one process" in error


def test_a_record_follows_its_picture(memory, drive, monkeypatch):
    order = []
    own = _remote.write_bytes

    def write_bytes(address, data):
        own(address, data)
        order.append(address.name)

    for module in (_remote, _remote_manifest):
        monkeypatch.setattr(module, "write_bytes", write_bytes)
    assert drive(memory)[0] == 0
    trial, *names = order
    assert trial.startswith(".trial-") and ".trial" not in "".join(contents(memory))
    assert names == [x for n in range(3) for x in (f"p{n}__x.png", f"p{n}__x.png.json")]


@pytest.mark.parametrize("what", ["p1__x.png", "p1__x.png.json"])
def test_what_cannot_be_written_is_failed_and_done_later(
    what, memory, drive, monkeypatch, painted
):
    system = _remote.file_system("memory")
    own = type(system).pipe_file

    def pipe_file(self, path, value, **options):
        if path.endswith(f"out/{what}") or path.endswith(f"done/{what}"):
            raise PermissionError(13, "quota of s3://KEY:SECRET@bucket/?token=HIDDEN")
        return own(self, path, value, **options)

    with monkeypatch.context() as patch:
        patch.setattr(type(system), "pipe_file", pipe_file)
        code, out, error = drive(memory)
    assert code == 1 and "2 of 3 pictures" in out
    assert f"cannot write {memory}/out/" in error and "quota of s3://bucket/" in error
    texts = b"".join(contents(f"{memory}/out/manifest").values()).decode()
    assert "quota" in texts and not any(
        x in error + texts for x in ("SECRET", "HIDDEN")
    )
    assert set(records(memory)) == ALL - {"p1__x.png"}
    painted.clear()
    assert drive(memory)[0] == 0 and painted == [20]
    assert set(pictures(memory)) == ALL == set(records(memory))


@pytest.mark.filterwarnings("default:what stands before:UserWarning")
def test_credentials_are_left_out_of_everything(memory, run):
    Path("l.csv").write_text(
        "content,style,output\n"
        "memory://USER:SECRET@bucket/c/p0.png,memory://bucket/s/x.png?sig=HIDDEN,a\n"
        "memory://bucket/c/absent.png?token=HIDDEN,memory://bucket/s/x.png,b\n"
    )
    given = ("--pairs", "l.csv", "-o", "memory://USER:SECRET@bucket/out?token=HIDDEN")
    code, out, error = run(*given, "--json")
    assert code == 1 and "cannot read memory://bucket/c/absent.png" in error
    assert error.count("warning: what stands before @ or after ?") == 1
    everything = [out.encode(), error.encode(), *contents("memory://bucket").values()]
    Path("a.png").write_bytes(contents("memory://bucket/out")["a.png"])
    everything.append(json.dumps(images.read_metadata("a.png")).encode())
    for word in (b"USER", b"SECRET", b"HIDDEN"):
        assert not any(word in text for text in everything)
    _, out, error = run(*given, "--status")
    assert "1 of 2 pictures done" in out
    assert not any(word in out + error for word in ("USER", "SECRET", "HIDDEN"))
    code, _, error = run("--contents", "https://USER:SECRET@example.org/a?k=HIDDEN")
    assert code == 2 and "https://example.org/a is an address on the web" in error
    assert not any(word in error for word in ("USER", "SECRET", "HIDDEN"))


@pytest.mark.parametrize(
    "text, wanted",
    [
        ("s3://bucket/a b#.png", "s3://bucket/a b#.png"),
        ("S3://bucket/a/", "s3://bucket/a"),
        ("gs://bucket", "gs://bucket"),
        ("file:///tmp/what?.png", "file:///tmp/what?.png"),
        ("s3://bucket/a@2x.png", "s3://bucket/a@2x.png"),
    ],
)
def test_addresses(text, wanted):
    found = location(text)
    assert str(found) == wanted and found == location(wanted)
    assert found.stem + found.suffix == found.name == wanted.rpartition("/")[2]


@pytest.mark.filterwarnings("ignore:what stands before:UserWarning")
@pytest.mark.parametrize(
    "text, message",
    [
        ("s3://", "names no bucket; write s3://bucket/folder"),
        ("s3:///a", "names no bucket"),
        ("s3://KEY:SEC/RET@", "s3:// names no bucket"),
        ("file://a/b", "write file:///folder/file"),
        ("ftp://user:word@host/a", "ftp://host/a is an address on the web"),
    ],
)
def test_what_is_no_address(text, message):
    with pytest.raises(ValueError, match=message) as caught:
        location(text)
    assert not any(word in str(caught.value) for word in ("KEY", "RET", "word"))


@pytest.mark.parametrize(
    "lacks, scheme, wanted",
    [
        ("fsspec", "s3", "s3:// needs the package fsspec; install it with: "
                         "pip install 'jaxnst[remote]'"),
        ("s3fs", "s3", "s3:// needs the package s3fs; install it with: "
                       "pip install s3fs"),
        ("gcsfs", "gs", "gs:// needs the package gcsfs; install it with: "
                        "pip install gcsfs"),
    ],
)  # fmt: skip
def test_a_package_that_lacks_is_named(lacks, scheme, wanted, run, monkeypatch):
    class Without:
        @staticmethod
        def filesystem(name, **_):
            raise ImportError(f"Install {lacks} to access it")

    def import_module(name):
        if lacks == "fsspec":
            raise ModuleNotFoundError(name)
        return Without

    _remote.file_system.cache_clear()
    monkeypatch.setattr(_remote, "import_module", import_module)
    code, _, error = run("--contents", "c", "--styles", "s", "-o", f"{scheme}://b/out")
    assert (code, error) == (1, f"error: {wanted}\n")


def test_which_files_are_pictures(memory, run, drive):
    for name in ("c/sub/q.JPG", "c/notes.txt", "c/.hidden.png", "c/__MACOSX/r.png"):
        put(f"{memory}/{name}", Path("c/p0.png").read_bytes())
    code, out, error = drive(memory, "-o", f"{memory}/c/out")
    assert code == 0 and "4 of 4" in out
    said = f"skipped a file that is no picture known here: {memory}/c/notes.txt"
    assert error == f"warning: {said}\n"
    # Results of before are no photographs; a single picture is taken as it is.
    assert (
        "4 of 4 pictures (4 from before)" in drive(memory, "-o", f"{memory}/c/out")[1]
    )
    given = ("--contents", f"{memory}/c/p0.png", "--styles", "s")
    assert "memory://bucket/c/p0-painted: 1 of 1" in run(*given)[1]
    for _ in range(2):  # nor are they where a folder of this machine holds them
        given = ("--contents", "c", "--styles", "s", "-o", f"file://{Path.cwd()}/c/out")
        assert "3 of 3 pictures" in run(*given)[1]
    code, _, error = drive(memory, "--contents", f"{memory}/nothing")
    assert code == 1 and f"no pictures in {memory}/nothing" in error
    code, _, error = drive(memory, "-o", f"{memory}/c")
    assert code == 2 and "would lie among the pictures" in error


def test_nothing_that_is_read_is_overwritten(memory, run, here):
    put(f"{memory}/l.csv", b"content,style,output\nc/p0.png,s/x.png,x\n")
    code, _, error = run("--pairs", f"{memory}/l.csv", "-o", f"{memory}/s")
    assert code == 1 and f"{memory}/s/x.png is read" in error
    code, _, error = run("--contents", "c", "--styles", "s", "-o", f"file://{here}/c")
    assert code == 2 and "would lie among the pictures of c" in error
    code, out, _ = run("--pairs", f"{memory}/l.csv")
    assert code == 1 or "memory://bucket/l-painted: 1 of 1" in out


def test_masks_and_tables_in_a_store(memory, run, monkeypatch):
    half = np.zeros((16, 24, 3), np.float32)
    half[:, :12] = 1
    save_image("m.png", half)
    put(f"{memory}/m.png", Path("m.png").read_bytes())
    put(f"{memory}/black.png", b"no picture")
    table = b"content,style,content_mask,output\nc/p0.png,s/x.png,m.png,a\n"
    put(f"{memory}/l.csv", table + b"c/p1.png,s/x.png,black.png,b\n")
    seen, own = [], jaxnst.render_batch

    def render_batch(*given, regions=None, **options):
        seen.append(regions)
        return own(*given, **options)

    monkeypatch.setattr(jaxnst, "render_batch", render_batch)
    code, _, error = run("--pairs", f"{memory}/l.csv", "-o", f"{memory}/out")
    assert code == 1 and f"cannot read {memory}/black.png" in error
    (regions,) = seen
    assert regions[0].content[0, 0, 0] == 1 and regions[0].content[0, -1, 0] == 0
    record = records(memory)["a.png"]
    assert record["job"]["settings"]["masks"]["content_mask"] == f"{memory}/m.png"
    assert (
        "(1 from before)" in run("--pairs", f"{memory}/l.csv", "-o", f"{memory}/out")[1]
    )


def test_a_picture_that_changes_before_its_turn(memory, drive, monkeypatch):
    own = _batch_job.BatchJob.check_space

    def check_space(self, items):
        own(self, items)
        put(f"{memory}/c/p1.png", Path("c/p0.png").read_bytes())

    monkeypatch.setattr(_batch_job.BatchJob, "check_space", check_space)
    code, _, error = drive(memory)
    assert code == 1 and f"{memory}/c/p1.png has changed since the batch began" in error
    assert set(pictures(memory)) == {"p0__x.png", "p2__x.png"}


def test_no_room_for_a_copy(memory, drive, monkeypatch):
    system = type(_remote.file_system("memory"))
    own = system.cat_file

    def cat_file(self, source, *place, **options):
        if source.endswith("p1.png"):
            raise OSError(28, "No space left on device")
        return own(self, source, *place, **options)

    monkeypatch.setattr(system, "cat_file", cat_file)
    monkeypatch.setattr(_remote, "_takes_a_file", lambda folder: False)
    code, out, error = drive(memory)
    assert code == 1 and "2 of 3" in out
    assert f"cannot copy {memory}/c/p1.png to " in error and "TMPDIR" in error


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_a_bucket_that_is_not_there(bucket, run):
    given = ("--contents", "c", "--styles", "s", "-o", "s3://absent/out")
    code, _, error = run(*given)
    assert code == 1 and error.count("\n") == 1
    assert "cannot write s3://absent/out/" in error and "bucket does not exist" in error
    assert files_under(location(bucket)) is not None


@pytest.mark.parametrize(
    "given, wanted",
    [
        ({"contents": "s3://bucket/photos.v2"}, "s3://bucket/photos.v2-painted"),
        ({"contents": "gs://bucket/a/p.JPG"}, "gs://bucket/a/p-painted"),
        ({"pairs": "s3://bucket/a/list.csv"}, "s3://bucket/a/list-painted"),
        ({"pairs": "l.csv", "output": "s3://bucket/b"}, "s3://bucket/b"),
    ],
)
def test_results_lie_beside_the_photographs(given, wanted):
    places = {k: v if k == "pairs" else location(v) for k, v in given.items()}
    assert str(batch.output_of(batch.Arguments(**places))) == wanted
    with pytest.raises(_app.Misuse, match="name a folder for the pictures"):
        batch.output_of(batch.Arguments(contents=location("s3://bucket")))
