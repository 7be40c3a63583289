"""The commands on this machine: what a user types, reads and can rely on."""

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.sweep.spec import load_spec


def one_line(result, code=2):
    assert result.returncode == code, result.stderr
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert "Traceback" not in result.stderr
    return result.stderr


def test_a_sweep_runs_once_and_can_be_looked_at(weird, spec, aevae):
    out = weird / "the sweep"
    first = aevae("sweep", spec, "--out", out, "--jobs", 2, cwd=weird)
    assert first.returncode == 0, first.stderr
    state = aevae("status", out, "--json", cwd=weird)
    assert state.returncode == 0
    runs = json.loads(state.stdout)["runs"]
    assert [(r["state"], r["attempts"]) for r in runs] == [("done", 1)] * 2
    assert not stat.S_IMODE((out / "submitit").stat().st_mode) & 0o022  # nobody else may write
    log = aevae("logs", out, runs[0]["run_id"][:5], cwd=weird)
    assert "epoch 2" in log.stdout
    assert "name one run" in aevae("logs", out, "*", cwd=weird).stderr
    (out / ".sweep.toml.0badf00d.tmp").touch()  # of a launcher that was killed
    again = aevae("sweep", spec, "--out", out, cwd=weird)
    assert again.returncode == 0
    assert not list(out.glob(".*.tmp"))
    assert "2 of 2 runs are done" in again.stderr
    assert aevae("run", out, "--index", 1, cwd=weird).returncode == 0
    assert [
        r["attempts"] for r in json.loads(aevae("status", out, "--json", cwd=weird).stdout)["runs"]
    ] == [
        1,
        1,
    ]
    other = aevae("sweep", spec, "--out", out, "--set", "train.epochs=3", cwd=weird)
    assert "train.epochs is 2 there and 3 here" in one_line(other)
    assert "--index must be below 2, got 2" in one_line(aevae("run", out, "--index", 2, cwd=weird))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("train.epoch=2", "train.epoch"),
        ("latent_sizes=[0]", "got 0"),
        ("latent_sizes=[]", "latent_sizes"),
        ("name='../x'", "../x"),
        ("name='a/b'", "a/b"),
        ("name='-rf'", "-rf"),
        ('name="a\\nb"', "name"),
        ("train.learning_rate=nan", "nan"),
        ("train.epochs='2'", "train.epochs"),
    ],
)
def test_01_03_a_bad_setting_is_one_line_and_nothing_is_written(
    weird, spec, aevae, setting, message
):
    out = weird / "out"
    assert message in one_line(aevae("sweep", spec, "--out", out, "--set", setting, cwd=weird))
    assert not out.exists()


def test_05_a_truncated_data_file_is_named_before_anything_starts(weird, spec, aevae):
    raw = weird / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    (raw / "train-images-idx3-ubyte").write_bytes(b"\0\0\x08\x03")
    result = aevae(
        "sweep",
        spec,
        "--out",
        weird / "o",
        "--dataset",
        "mnist",
        "--data-dir",
        raw.parents[1],
        cwd=weird,
    )
    assert "train-images-idx3-ubyte has a wrong SHA-256 (4 bytes)" in one_line(result)
    assert not (weird / "o").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'name = "x"\nmodels = [\n', "end of document"),
        (b'name = "x"\nmodels = oops\n', "line 2"),
        (b'name = "x"\n# \xff\n', "line 2 is not UTF-8"),
        (b"#" * (1 << 20) + b"#", "larger than 1048576 bytes"),
        (b"seeds = [" + b"1" * 5000 + b"]", "integer string conversion"),
    ],
    # pytest passes the name of a test to its processes, where a name of 1 MiB is too long.
    ids=["unfinished", "no value", "not UTF-8", "too large", "long number"],
)
def test_02_an_unreadable_specification_is_one_line(weird, aevae, content, message):
    path = weird / "bad.toml"
    path.write_bytes(content)
    text = one_line(aevae("sweep", path, "--out", weird / "o", cwd=weird))
    assert message in text
    assert "bad.toml" in text


def test_missing_things_are_one_line(weird, spec, aevae):
    assert "no sweep is called 'nosuch'" in one_line(
        aevae("sweep", "nosuch", "--out", weird / "o", cwd=weird)
    )
    assert "is no sweep folder" in one_line(aevae("status", weird, cwd=weird))
    result = aevae("sweep", spec, "--out", weird / "a%jb", cwd=weird)
    assert "%j" in one_line(result)
    below_file = aevae("sweep", spec, "--out", spec / "below", cwd=weird)
    assert "cannot write" in one_line(below_file)


def test_04_duplicates_are_trained_once_and_named(weird, spec, aevae):
    result = aevae("sweep", spec, "--dry-run", "--set", "latent_sizes=[2,2]", cwd=weird)
    assert len(result.stdout.split()) == 2
    assert "latent_sizes: 2 is named more than once" in result.stderr


def test_a_dry_run_says_why_a_launch_would_be_refused(weird, spec, aevae):
    result = aevae("sweep", spec, "--dry-run", "--set", "data.train_images=5000", cwd=weird)
    assert result.returncode == 0
    assert len(result.stdout.split()) == 2
    last = result.stderr.splitlines()[-1]
    assert "a launch would be refused: data.train_images must be at most" in last


def test_a_training_of_few_steps_is_noted_before_and_at_the_launch(weird, spec, aevae):
    for option in ("--dry-run", "--prepare"):
        result = aevae("sweep", spec, option, "--out", weird / "o", cwd=weird)
        assert ("steps and so hardly learns" in result.stderr) == (option == "--dry-run")
    result = aevae("sweep", spec, "--out", weird / "o", "--cluster", "debug", cwd=weird)
    assert "steps and so hardly learns" in result.stderr


@pytest.mark.parametrize(
    ("name", "count"),
    [
        *[("quickstart", 6), ("paper", 18), ("paper-as-published", 18), ("fast", 18)],
        *[("seeds", 90), ("rate-distortion", 153), ("literature", 9)],
    ],
)
def test_shipped_sweeps_have_the_promised_cells(name, count):
    assert len(load_spec(Path(name)).runs(name)) == count


def test_planning_needs_no_torch(weird, spec, command_environment):
    program = (
        "import sys\n"
        "class Block:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] == 'torch': raise ImportError('torch is blocked')\n"
        "sys.meta_path.insert(0, Block())\n"
        "import aevae.files.schema, aevae.training.run, jobs.launch.local\n"
        "from jobs.cli.main import main\n"
        "sys.argv = ['aevae', 'sweep', sys.argv[1], '--dry-run']\n"
        "main()\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, str(spec)],
        cwd=weird,
        env=command_environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert len(result.stdout.split()) == 2
