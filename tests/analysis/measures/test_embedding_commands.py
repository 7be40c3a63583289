"""Embeddings of a sweep: what is embedded, in several processes, kept, and the command for it."""

import os
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pandas as pd
import psutil
import pytest

from analysis.maths.embedding import class_accuracy, embed
from analysis.measures.embedding import NAMES
from analysis.measures.embedding import sources as embedded_sources
from analysis.measures.embedding.compute import compute_all, find_missing
from analysis.measures.embedding.sources import find_sources, latent_sources, source_names
from analysis.measures.study import Study
from analysis.sweep.load import MissingIngredient, open_sweep

# Work that takes long, with the command's own way to end.
INTERRUPTED = """
import signal, sys, time, typer
from analysis.cli import _finish
from analysis.measures.embedding.compute import compute_all

# Tests that a shell runs in the background inherit that it is ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)

class Slow:
    def __init__(self, seconds):
        self.seconds = seconds
    def compute(self):
        time.sleep(self.seconds)

def work(commands):
    for source, seconds in compute_all([Slow(0), Slow(100), Slow(100)], 2):
        print(source.seconds, flush=True)
    return 0

try:
    _finish(work)
except typer.Exit as end:
    sys.exit(end.exit_code)
"""


@pytest.fixture
def sources(complete, weird):
    """Everything of the complete sweep, with an empty folder for embeddings."""
    found, skipped = find_sources(Study(complete, weird / "kept"), source_names(complete))
    assert skipped == {}
    return found


def computed(result):
    """What a command computed, as it said."""
    return {line.split(":")[0] for line in result.stderr.splitlines() if line.startswith("t-SNE")}


ALL_TITLES = {f"t-SNE of {t}" for t in ("images", "AE, d = 20", "VAE, d = 20", "CVAE, d = 20")}


# --- what is embedded -----------------------------------------------------------------------------


def test_images_and_the_means_of_one_run_per_model_are_embedded(sources, complete_dir, stored):
    assert [source.name for source in sources] == ["images", "ae", "vae", "cvae"]
    with h5py.File(complete_dir / "dataset.h5", locking=False) as file:
        assert np.array_equal(sources[0].points(), file["test/image"][()].reshape(100, 784))
    with stored("vae-z020") as file:
        assert np.array_equal(sources[2].points(), file["test/z"][()])


def test_two_latents_are_a_plane_already(build_sweep, make_config, tmp_path):
    sweep = open_sweep(build_sweep(tmp_path / "s", [make_config("ae", 2), make_config("vae", 2)]))
    with pytest.raises(MissingIngredient, match="no latent size above 2"):
        latent_sources(Study(sweep))
    found, skipped = find_sources(Study(sweep), source_names(sweep))
    assert [source.name for source in found] == ["images"]
    assert list(skipped) == ["ae", "vae"]


def test_too_few_images_are_refused(complete, monkeypatch):
    monkeypatch.setattr(embedded_sources, "LEAST_POINTS", 101)
    assert find_sources(Study(complete), NAMES) == (
        [],
        dict.fromkeys(NAMES, "fewer than 101 test images"),
    )


def test_a_collapsed_model_is_named(run, build_sweep, make_config, tmp_path, rewrite_results):
    config = make_config("ae", 5)
    folder = build_sweep(tmp_path / "sweep", [config])

    def collapse(arrays):
        for split in ("train", "test"):
            arrays[f"{split}/mu"] = np.zeros_like(arrays[f"{split}/mu"])

    rewrite_results(folder, collapse)
    names = "tsne,latent_pca,digits_embedding"
    result = run("figures", folder, "--only", names, "--format", "png")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[1:] == [
        "skipped tsne: AE, d = 5: every image has the same latents",
        f"skipped latent_pca: {config.run_id}: every image has the same latents",
    ]


# --- side by side ---------------------------------------------------------------------------------


def test_two_processes_give_what_one_gives(sources):
    assert find_missing(sources) == (sources, [])
    done = {source.name for source, seconds in compute_all(sources, 2) if seconds > 0}
    assert done == {"images", "ae", "vae", "cvae"}
    assert find_missing(sources) == ([], [])
    for source in sources[1:3]:
        here = embed(source.points())
        assert np.array_equal(source.embedding().tsne.plane, here.tsne.plane)
        assert np.array_equal(source.embedding().tsne.ranks, here.tsne.ranks)


def test_an_interrupt_ends_all_processes_at_once(command_environment):
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED],
        env=command_environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout.readline() == "0\n"
    children = psutil.Process(process.pid).children(recursive=True)
    assert children
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 75
    assert stderr == "aevae-analysis: interrupted; what is finished is kept\n"
    assert ended(children, deadline=time.monotonic() + 10)


def test_a_killed_process_is_one_error():
    with pytest.raises(ChildProcessError, match="was killed"):
        list(compute_all([Deadly(), Deadly()], 2))


class Deadly:
    """Something that the kernel kills for the memory it takes."""

    def compute(self):
        os.kill(os.getpid(), signal.SIGKILL)


def ended(processes, deadline):
    """Whether processes are gone, or wait only for somebody to notice."""
    while any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


# --- the command ----------------------------------------------------------------------------------


def test_embed_scores_every_layout(run, complete_dir, tmp_path, stored, test_labels):
    result = run("embed", complete_dir, "--to", tmp_path / "é %d", "--jobs", 2)
    assert result.exit_code == 0
    assert computed(result) == ALL_TITLES
    table = pd.read_csv(tmp_path / "é %d" / "embedding_scores.csv")
    assert list(zip(table["source"], table["method"], strict=True)) == [
        ("images", "pca"), ("images", "tsne"),
        ("AE, d = 20", "pca"), ("AE, d = 20", "tsne"),
        ("VAE, d = 20", "pca"), ("VAE, d = 20", "tsne"),
        ("CVAE, d = 20", "pca"), ("CVAE, d = 20", "tsne"),
        ("AE, d = 2", "z"), ("VAE, d = 2", "z"), ("CVAE, d = 2", "z"),
    ]  # fmt: skip
    with stored("vae-z002") as file:
        accuracy = class_accuracy(file["test/z"][()], test_labels)
    assert table["digit_accuracy"][9] == pytest.approx(accuracy)
    assert table["knn_preservation"].isna().tolist() == [False] * 8 + [True] * 3
    for suffix in ("md", "tex"):
        text = (tmp_path / "é %d" / f"embedding_scores.{suffix}").read_text()
        assert "100 test images of MNIST" in text
    assert len(result.stdout.splitlines()) > len(table)


def test_what_is_kept_is_not_computed_again(run, sweep_dir):
    assert computed(run("embed", sweep_dir, "--only", "images")) == {"t-SNE of images"}
    arguments = ("figures", sweep_dir, "--only", "digits_embedding,tsne", "--format", "png")
    first = run(*arguments)
    assert first.exit_code == 0
    assert computed(first) == ALL_TITLES - {"t-SNE of images"}
    again = run(*arguments)
    assert (again.exit_code, again.stderr) == (0, "")


def test_a_figure_computes_only_what_it_shows(run, sweep_dir):
    result = run("figures", sweep_dir, "--only", "digits_embedding", "--format", "png")
    assert computed(result) == {"t-SNE of images"}
    assert run("figures", sweep_dir, "--only", "latent_pca", "--format", "png").stderr == ""


@pytest.mark.parametrize("harm", ["truncate", "flip", "foreign"])
def test_a_damaged_embedding_is_computed_again(run, sweep_dir, harm, flip_byte):
    run("embed", sweep_dir, "--only", "images,vae")
    kept = sweep_dir / "analysis" / "embeddings"
    path = kept / "images.h5"
    before = path.read_bytes()
    if harm == "truncate":
        path.write_bytes(before[:1000])
    elif harm == "flip":
        flip_byte(path, "tsne/plane")
    else:
        next(kept.glob("vae-*.h5")).replace(path)
    result = run("embed", sweep_dir, "--only", "images")
    assert result.exit_code == 0
    note, done, *rest = result.stderr.splitlines()
    assert str(path) in note
    assert note.endswith("; computing it again")
    assert done.startswith("t-SNE of images: ")
    assert rest == []
    assert path.read_bytes() == before


def test_what_cannot_be_embedded_is_named(run, build_sweep, make_config, tmp_path):
    folder = build_sweep(tmp_path / "sweep", [make_config("vae", 5)])
    result = run("embed", folder, "--only", "vae,cvae")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[0] == "skipped cvae: no finished run of the CVAE"
    assert computed(result) == {"t-SNE of VAE, d = 5"}


def test_bad_usage_of_embed(run, complete_dir):
    result = run("embed", complete_dir, "--only", "pixels")
    assert result.exit_code == 2
    assert "--only: unknown 'pixels' (valid: images, ae, vae, cvae, sigma-vae)" in result.stderr
    assert run("embed", complete_dir, "--jobs", 0).exit_code == 2
