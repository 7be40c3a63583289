"""The notebook must run from top to bottom on any complete sweep, and is kept without outputs."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).resolve().parents[3] / "docs" / "walkthrough.ipynb"


@pytest.fixture
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def test_notebook_runs_and_ends_in_the_comparison(notebook, complete_dir):
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    assert first.source.startswith("SWEEP = ")
    first.source = f"SWEEP = {str(complete_dir)!r}"
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute(cwd=NOTEBOOK.parent)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 4
    assert all(output.output_type != "stream" for output in outputs)  # nor a warning
    text = outputs[-1].data["text/plain"]
    assert [line.split()[0] for line in text.splitlines()[-3:]] == ["AE", "VAE", "CVAE"]
    assert "nan" not in text.lower()


def test_notebook_is_kept_without_outputs(notebook):
    assert all(not cell.get("outputs") for cell in notebook.cells)
    assert all(cell.get("execution_count") is None for cell in notebook.cells)


def test_notebook_runs_without_labels_and_says_nothing_of_digits(
    notebook, build_sweep, make_config, make_data, tmp_path
):
    configs = [make_config("vae", d, data=make_data((6, 5))) for d in (2, 5)]
    notebook.cells[1].source = f"SWEEP = {str(build_sweep(tmp_path / 's', configs))!r}"
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute(cwd=NOTEBOOK.parent)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert "not shown: no finished AE with latent size 2" in str(outputs)
    told = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    assert "digit" not in "".join(told).lower()
