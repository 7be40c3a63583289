import os
import shutil
import subprocess
import sys

import pytest

from aevae.files.layout import SweepPaths
from aevae.files.runs import RunList, write_runs
from analysis.figures import EVIDENCE as figures_of_findings
from analysis.figures import FIGURES
from analysis.figures import SUBJECTS as FIGURE_SUBJECTS
from analysis.figures.registry import RECIPES
from analysis.tables import EVIDENCE as tables_of_findings
from analysis.tables import SUBJECTS as TABLE_SUBJECTS
from analysis.tables import TABLES

# Stands in for a machine without the training extra: these imports fail.
BLOCKER = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "torchvision", "submitit", "jobs"):
            raise ModuleNotFoundError(f"blocked: {name}")

sys.meta_path.insert(0, Blocked())
from analysis.cli import main
main()
"""


@pytest.fixture
def partial_dir(sweep_dir):
    """A sweep that lacks the CVAE with d = 20."""
    next(sweep_dir.glob("runs/cvae-z020*/evaluation.h5")).unlink()
    return sweep_dir


def lines(text):
    return [line.strip() for line in text.splitlines() if line.strip()]


# --- check ----------------------------------------------------------------------------------------


def test_check_of_a_complete_sweep_is_ok(run, complete_dir):
    result = run("check", complete_dir)
    assert result.exit_code == 0
    assert result.stdout.count(" ok") == 7
    assert lines(result.stdout)[-1] == "6 of 6 runs ok"
    assert result.stderr == ""


def test_check_tells_missing_from_damaged(run, partial_dir, flip_byte):
    damaged = next(partial_dir.glob("runs/vae-z002*/evaluation.h5"))
    flip_byte(damaged, "test/reconstruction_at_mean")
    result = run("check", partial_dir)
    assert result.exit_code == 1
    rows = {line.split()[0]: line for line in lines(result.stdout)}
    assert "damaged" in rows[damaged.parent.name]
    assert "evaluation.h5: test/reconstruction_at_mean" in rows[damaged.parent.name]
    (missing,) = (line for name, line in rows.items() if name.startswith("cvae-z020"))
    assert missing.split()[1:] == ["missing", "no", "evaluation.h5"]
    assert lines(result.stdout)[-1] == "4 of 6 runs ok"
    assert result.stderr == ""  # no run can be launched into a folder without a list of runs
    names = sorted(path.name for path in (partial_dir / "runs").iterdir())
    write_runs(SweepPaths(partial_dir), RunList().launched(names))
    remedy = "remove each damaged file; `aevae sweep` with the same arguments writes it again"
    assert lines(run("check", partial_dir).stderr) == [remedy]


def test_check_counts_runs_that_are_gone_or_cannot_be_read(run, sweep_dir, tmp_path):
    names = sorted(path.name for path in (sweep_dir / "runs").iterdir())
    write_runs(SweepPaths(sweep_dir), RunList().launched(names))
    gone, unreadable, *_ = names
    for name in (gone, unreadable):
        shutil.rmtree(sweep_dir / "runs" / name)
    link = sweep_dir / "runs" / unreadable
    link.symlink_to(link)  # whoever looks into it gets an error
    result = run("check", sweep_dir)
    assert result.exit_code == 1
    rows = {line.split()[0]: line.split()[1:] for line in lines(result.stdout)}
    assert rows[gone] == ["missing", "no", "trained.h5"]
    assert rows[unreadable][0] == "unreadable"
    assert "Too many levels of symbolic links" in " ".join(rows[unreadable])
    assert lines(result.stdout)[-1] == "4 of 6 runs ok"
    (sweep_dir / "runs.json").unlink()  # as older versions left a sweep
    assert run("check", sweep_dir).exit_code == 1
    partial = run("tables", sweep_dir, "--to", tmp_path / "out", "--format", "md")
    assert partial.exit_code == 1
    assert "Partial: 4 of 5 runs." in (tmp_path / "out" / "summary.md").read_text()


# --- tables ---------------------------------------------------------------------------------------


def test_tables_writes_every_format_and_prints_the_errors(run, complete_dir, tmp_path):
    target = tmp_path / "tables of %s é"
    result = run("tables", complete_dir, "--to", target)
    assert result.exit_code == 0
    written = [path for path in target.iterdir() if path.is_file()]
    assert {path.stem for path in written} == set(TABLES) - {"literature"}
    assert {path.suffix for path in written} == {".csv", ".md", ".tex"}
    for path in written:
        assert str(path) in lines(result.stdout)
    shown = [line.split() for line in lines(result.stdout) if line.startswith("CVAE")]
    markdown = [
        line.strip("|").replace("|", " ").split()
        for line in (target / "per_digit_error.md").read_text().splitlines()
        if line.startswith("| CVAE")
    ]
    assert shown == markdown
    assert len(shown) == 2


def test_tables_go_to_the_sweep_unless_told_otherwise(run, sweep_dir):
    assert run("tables", sweep_dir, "--format", "md").exit_code == 0
    written = [path for path in (sweep_dir / "analysis").iterdir() if path.is_file()]
    assert {path.suffix for path in written} == {".md"}
    assert {"per_digit_error", "summary"} < {path.stem for path in written}


def test_tables_that_do_not_apply_are_omitted_with_the_reason(
    run, build_sweep, make_config, tmp_path
):
    folder = build_sweep(tmp_path / "s", [make_config("vae", 3)])
    result = run("tables", folder, "--to", tmp_path / "out")
    assert result.exit_code == 0
    assert lines(result.stderr) == [
        "omitted published: no run on MNIST with a latent size of the article's"
    ]
    assert not list((tmp_path / "out").glob("published.*"))


@pytest.mark.parametrize(("option", "code"), [((), 1), (("--allow-partial",), 0)])
def test_gaps_are_listed_and_what_is_there_is_written(run, partial_dir, tmp_path, option, code):
    result = run("tables", partial_dir, "--to", tmp_path / "out", *option)
    assert result.exit_code == code
    gap, note = lines(result.stderr)
    assert gap.startswith("cvae-z020-s0-")
    assert gap.endswith(": missing: no evaluation.h5")
    assert note == "partial: 5 of 6 runs"
    assert "Partial: 5 of 6 runs." in (tmp_path / "out" / "summary.md").read_text()
    assert (
        len((tmp_path / "out" / "per_digit_error.csv").read_text().splitlines()) == 1 + (5 + 2) * 11
    )


@pytest.mark.parametrize("command", ["tables", "figures", "findings", "embed", "report"])
def test_nothing_finished_makes_nothing(run, sweep_dir, tmp_path, command):
    for path in sweep_dir.glob("runs/*/evaluation.h5"):
        path.unlink()
    result = run(command, sweep_dir, "--to", tmp_path / "out", "--allow-partial")
    assert result.exit_code == 1
    assert lines(result.stderr)[-1] == "partial: 0 of 6 runs"
    assert not (tmp_path / "out").exists()


# --- figures --------------------------------------------------------------------------------------


def test_figures_come_with_captions(run, complete_dir, tmp_path):
    result = run("figures", complete_dir, "--to", tmp_path / "figures", "--format", "png")
    assert result.exit_code == 0
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {
        *(f"{name}.{suffix}" for name in FIGURES if not RECIPES[name].least_axes
          for suffix in ("png", "md")), "embeddings",
    }  # fmt: skip
    caption = (tmp_path / "figures" / "by_digit.md").read_text()
    assert caption.count("`") == 12
    assert "partial" not in caption.lower()


def test_figures_are_the_same_bytes_again(run, complete_dir, tmp_path):
    for folder in ("one", "two"):
        run("figures", complete_dir, "--to", tmp_path / folder, "--only", "loss_curves")
    for name, start in (("loss_curves.png", b"\x89PNG"), ("loss_curves.pdf", b"%PDF")):
        drawn = (tmp_path / "one" / name).read_bytes()
        assert drawn.startswith(start)
        assert drawn == (tmp_path / "two" / name).read_bytes()


@pytest.mark.parametrize(("option", "code"), [((), 1), (("--allow-partial",), 0)])
def test_figure_without_ingredients_is_skipped(
    run, build_sweep, make_config, tmp_path, option, code
):
    folder = build_sweep(tmp_path / "sweep", [make_config("vae", 5)])
    result = run(
        "figures", folder, "--to", tmp_path / "out", "--only", "latent_grid,generated",
        "--format", "png", *option,
    )  # fmt: skip
    assert result.exit_code == code
    assert lines(result.stderr) == ["skipped latent_grid: no finished run with latent size 2"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "generated.png", "generated.md",
    }  # fmt: skip


def test_partial_figures_say_so(run, partial_dir, tmp_path):
    arguments = ("--to", tmp_path, "--only", "loss_curves", "--format", "png")
    assert run("figures", partial_dir, *arguments).exit_code == 1
    assert (tmp_path / "loss_curves.md").read_text().endswith("\n\nPartial: 5 of 6 runs.\n")


# --- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["figures", "--only", "by_digit,nonsense"], "--only: unknown 'nonsense' (valid: digits,"),
        (["figures", "--format", "jpg"], "--format: unknown 'jpg' (valid: png, pdf)"),
        (["tables", "--format", ","], "--format: unknown ',' (valid: csv, md, latex)"),
    ],
)
def test_unknown_names_are_answered_with_the_valid_ones(run, complete_dir, arguments, message):
    command, *options = arguments
    result = run(command, complete_dir, *options)
    assert result.exit_code == 2
    (line,) = lines(result.stderr)
    assert line.startswith(f"aevae-analysis: {message}")


@pytest.mark.parametrize("command", ["check", "tables", "figures", "findings", "embed", "report"])
def test_a_folder_that_is_no_sweep(run, tmp_path, command):
    for folder, message in ((tmp_path, "is no sweep"), (tmp_path / "nowhere", "is not a folder")):
        result = run(command, folder)
        assert result.exit_code == 2
        (line,) = lines(result.stderr)
        assert str(folder) in line
        assert message in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("below", ["", "/folder"])
def test_output_that_is_no_folder(run, complete_dir, tmp_path, below):
    (tmp_path / "file").write_text("mine")
    result = run("tables", complete_dir, "--to", f"{tmp_path}/file{below}")
    assert result.exit_code == 2
    (line,) = lines(result.stderr)
    assert "--to: cannot create the folder" in line
    assert (tmp_path / "file").read_text() == "mine"


def test_damaged_dataset_file_is_one_line(run, sweep_dir):
    (sweep_dir / "dataset.h5").write_bytes(b"not HDF5")
    result = run("tables", sweep_dir)
    assert result.exit_code == 1
    (line,) = lines(result.stderr)
    assert "dataset.h5: not a readable HDF5 file" in line


# --- help, and what is imported -------------------------------------------------------------------


@pytest.mark.parametrize(
    "command", ["check", "tables", "figures", "findings", "embed", "report", "compare"]
)
def test_every_command_has_an_example(run, command):
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"Example: aevae-analysis {command} " in result.stdout


def test_no_table_overwrites_the_caption_of_a_figure():
    findings = {"findings"}
    tables, figures = {*TABLES, *tables_of_findings}, {*FIGURES, *figures_of_findings}
    assert not (tables & figures | tables & findings | figures & findings)


@pytest.mark.parametrize(
    ("command", "subjects", "names"),
    [("figures", FIGURE_SUBJECTS, FIGURES), ("tables", TABLE_SUBJECTS, TABLES)],
)
def test_help_lists_every_name_on_a_line_of_its_subject(run, command, subjects, names):
    text = run(command, "--help").stdout
    starts = {line.split()[0] for line in lines(text)}
    assert starts >= set(names)
    assert all(f"{subject}:" in lines(text) for subject in subjects)
    assert sorted(name for listed in subjects.values() for name in listed) == sorted(names)


def test_help_of_findings_names_its_tables_and_figures(run):
    starts = {line.split()[0] for line in lines(run("findings", "--help").stdout)}
    assert starts >= {*tables_of_findings, *figures_of_findings}


def python(*arguments):
    environment = {**os.environ, "NO_COLOR": "1"}
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.nightly
def test_tables_and_figures_need_no_torch(complete_dir, tmp_path):
    done = python("-c", BLOCKER, "tables", complete_dir, "--to", tmp_path)
    assert done.returncode == 0, done.stderr
    done = python("-c", BLOCKER, "figures", complete_dir, "--to", tmp_path, "--format", "png")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "latent_grid.png").exists()


def test_help_does_not_wait_for_heavy_imports():
    script = "import sys, analysis.cli; print([m for m in sys.modules if m in sys.argv])"
    heavy = ["numpy", "pandas", "matplotlib", "sklearn", "scipy", "h5py", "torch"]
    done = python("-c", script, *heavy)
    assert done.stdout.strip() == "[]", done.stderr
