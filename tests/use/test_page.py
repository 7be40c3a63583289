"""The page about trained models says what the commands and the packages do, line by line."""

import csv
import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest

from aevae.config import DataConfig
from jobs.cli.main import main

PAGE = (Path(__file__).parents[2] / "docs" / "using-a-model.md").read_text()
BLOCKS = re.findall(r"^```([^\n]*)\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE)
SWEEP = "runs/quickstart-fashion-mnist"


@pytest.fixture
def folder(add_run, add_dataset, weird, monkeypatch, tmp_path):
    """The working folder, with a small sweep where the page has one; its networks are untrained."""
    pytest.importorskip("onnxruntime")
    data = DataConfig(dataset="fashion-mnist")
    for kind in ("ae", "vae", "cvae"):
        add_run(kind, latent_size=20, data=data)
    add_dataset(data)
    monkeypatch.chdir(tmp_path)
    Path("runs").mkdir()
    Path(SWEEP).symlink_to(weird)
    return tmp_path


def test_the_page_runs_as_it_stands(folder, monkeypatch, capsys):
    for kind, block in BLOCKS:
        if kind == "python":
            exec(block, {})
        for line in block.splitlines() if kind == "sh" else ():
            monkeypatch.setattr(sys, "argv", shlex.split(line))
            with pytest.raises(SystemExit) as ended:
                main()
            assert ended.value.code is None, (line, capsys.readouterr().err)
    with Path("scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows][-10:] == [f"striped-{n:02d}.png" for n in range(10)]
    assert len(rows) == 100
    assert f"| {' | '.join(rows[0])} |" in PAGE
    assert len(list(Path("bags").rglob("*.png"))) == 50
    with np.load("generated.npz") as file:
        assert np.bincount(file["labels"]).tolist() == [100] * 10
    made = ("generated.png", "reconstructions.png", "codes.npz", "line.gif", "line.png",
            "vae.safetensors", "vae-encoder.onnx", "vae-decoder.onnx", "digits.png")  # fmt: skip
    assert all(Path(name).stat().st_size for name in made)
