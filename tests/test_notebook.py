"""The notebook runs from first to last, and is stored without output but a picture."""

import base64
import json
from importlib.util import find_spec

import pytest
from paths import REPOSITORY

NOTEBOOK = REPOSITORY / "scripts" / "getting_started.ipynb"


def code_cells(notebook):
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def pictures(cell):
    """The pictures among a cell's output, in base 64."""
    found = (output.get("data", {}) for output in cell["outputs"])
    return [v for data in found for kind, v in data.items() if "image/" in kind]


def test_is_stored_with_one_picture_alone():
    cells = code_cells(json.loads(NOTEBOOK.read_text()))
    assert all(cell["execution_count"] is None for cell in cells)
    (shown,) = [cell for cell in cells if cell["outputs"]]
    (output,) = shown["outputs"]
    (picture,) = pictures(shown)
    assert output["output_type"] == "display_data"
    assert 1000 < len(base64.b64decode(picture)) < 100_000


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the packages that start the kernel
def test_runs_without_errors():
    missing = [name for name in ("nbclient", "ipykernel") if find_spec(name) is None]
    if missing:
        pytest.skip(f"needs {' and '.join(missing)}: pip install 'jaxnst[notebook]'")
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    where = {"metadata": {"path": str(NOTEBOOK.parent)}}
    NotebookClient(
        notebook, timeout=900, kernel_name="python3", resources=where
    ).execute()
    outputs = [output for cell in code_cells(notebook) for output in cell["outputs"]]
    errors = [o for o in outputs if o["output_type"] == "error"]
    assert not errors and not [o for o in outputs if o.get("name") == "stderr"]
    assert sum(bool(pictures(cell)) for cell in code_cells(notebook)) == 3
