"""Cluster profiles: a mistake is named before anything is submitted."""

import re
import socket
from pathlib import Path

import pytest

from aevae.errors import InputError
from aevae.execution import ExecutionConfig
from jobs.scheduler.profile import (
    SHIPPED_PROFILES,
    ClusterProfile,
    choose_cluster,
    load_profile,
    settle_execution,
)
from jobs.scheduler.request import command_line


@pytest.fixture
def profile(tmp_path):
    def write(text: str):
        path = tmp_path / "a cluster.toml"
        path.write_text(text)
        return path

    return write


@pytest.mark.parametrize("path", sorted(SHIPPED_PROFILES.glob("*.toml")), ids=lambda p: p.stem)
def test_shipped_profiles_are_valid_under_their_names(path):
    assert load_profile(path) == choose_cluster(path.stem)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('partitoin = "gpu"', "unknown key 'partitoin'"),
        ('gres = "gpu:1"\ngpus_per_node = 1', "give one"),
        ("timeout_min = 0", "timeout_min"),
        ("mem_gb = nan", "mem_gb"),
        ('gres = "v100"', "gres"),
        ("timeout_min = 1\nsignal_delay_s = 60", "signal_delay_s must be less"),
        ('partition = "gpu\\n#SBATCH --account=other"', "partition"),
        ('partition = "gpu other"', "partition"),
        ('setup = ["module load x\\nrm -rf y"]', "setup"),
        (
            'setup = [" "]',
            "setup.0: must be one line of printable characters, and not empty, got ' '",
        ),
        ('[extra]\n"mail-user" = "a\\nb"', "extra"),
        ('[extra]\n"x\\ny" = "b"', "extra"),
        ('[extra]\noutput = "x"', "extra must not set output"),
        ('[extra]\npartit = "x"', "extra must not set partit"),
        ('[extra]\nclusters = "x"', "extra must not set clusters"),
        ("[extra]\nwait = true", "extra must not set wait"),
        (
            'clusters = "a,b"',
            ": must be the name of one cluster, because squeue finds a job by its id",
        ),
        ('clusters = "a,b"', " only on a known cluster, got 'a,b' in"),
        ('clusters = "all"', "the name of one cluster"),
        ("mem_gb = inf", "mem_gb: must be GiB"),
        ("mem_gb = true", "mem_gb: must be GiB"),
        ("mem_gb = 0.0001", "mem_gb: must be GiB"),
        ("mem_gb = 1000001", "mem_gb: must be GiB"),
        (
            'mem_gb = "all"',
            "mem_gb: must be GiB from 1/1024 to 1,000,000, 0 for all memory of the node, or "
            "\"default\" for the cluster's default, got 'all'",
        ),
        ("mem_gb = 8\nmem_per_cpu_gb = 2", "two ways to ask for memory: give one"),
        ("mem_per_gpu_gb = 2", "mem_per_gpu_gb needs a GPU"),
        ("gpus = 1\ngpus_per_node = 1", "two ways to ask for GPUs: give one"),
        ('gpus = 1\ngres = "shard:2"', "two ways to ask for GPUs: give one"),
        ("signal_delay_s = 65536\ntimeout_min = 6000", "signal_delay_s"),
        ('partition = ["a", "b c"]', "partition"),
        ('[analysis]\npartitoin = "cpu"', "unknown key 'partitoin' in [analysis]"),
        ("[analysis]\nmem_gb = true", "mem_gb: must be GiB"),
        ('[analysis]\nclusters = "x"', "analysis.clusters"),
        ("[analysis]\nextra = 1", "extra"),
        ("[analysis.extra]\narray = 1", "extra must not set array"),
        ("partition =", "is not TOML"),
    ],
)
def test_a_bad_profile_is_one_line_that_names_the_key_and_the_file(profile, text, named):
    path = profile(text)
    with pytest.raises(InputError) as caught:
        load_profile(path)
    message = str(caught.value)
    assert named in message
    assert str(path) in message
    assert "\n" not in message


def test_every_key_is_explained_in_the_template():
    template = (SHIPPED_PROFILES / "v100.toml").read_text()
    explained = set(re.findall(r"\w+", template))
    assert set(ClusterProfile.model_fields) <= explained


def test_a_missing_profile_is_named():
    with pytest.raises(InputError, match=r"cannot read nowhere/x\.toml"):
        choose_cluster("nowhere/x.toml")
    for name in ("slrum", "Slrum_2-A"):
        with pytest.raises(InputError, match=rf"'{name}'.* one of local, debug, auto, cpu"):
            choose_cluster(name)


@pytest.mark.parametrize(
    ("asked", "gpus"),
    [
        ("", 0),
        ("gpus_per_node = 2", 2),
        ('gpus_per_node = "v100:4"', 4),
        ('gres = "gpu:1"', 1),
        ('gres = "gpu:v100:3"', 3),
        ('gres = "nvme:100G,gpu:v100:2"', 2),
        ('gres = "my_gpu:2"', 0),
        ('gpus = "a100:2"\ngres = "nvme:1"', 2),
        ("gpus_per_task = 2", 2),
    ],
)
def test_gpus_are_counted_however_they_are_asked_for(profile, asked, gpus):
    loaded = load_profile(profile(asked))
    assert loaded.gpu_count == gpus
    assert loaded.uses_gpu == (gpus > 0)


def test_a_share_of_a_gpu_is_no_whole_one(profile):
    shared = load_profile(profile('gres = "shard:a100:4"'))
    assert shared.gpu_count == 0
    assert shared.uses_gpu


@pytest.mark.parametrize(
    ("asked", "gigabytes"),
    [
        ("", 4),
        ("mem_gb = 0", 0),
        ('mem_gb = "default"', None),
        ("mem_per_cpu_gb = 1.5\ncpus_per_task = 4", 6),
        ("mem_per_gpu_gb = 8\ngpus = 2", 16),
    ],
)
def test_memory_is_that_of_the_whole_job(profile, asked, gigabytes):
    assert load_profile(profile(asked)).memory_gb == gigabytes


def test_the_cluster_decides_on_the_device_and_the_command_line_on_the_data(profile, tmp_path):
    spec = ExecutionConfig(threads=3, data_dir=Path("of the spec"))
    cluster = load_profile(profile(f'device = "cpu"\ndata_dir = "{tmp_path}"'))
    plain = load_profile(profile(""))
    settled = settle_execution(spec, cluster, None)
    assert settled == ExecutionConfig(threads=3, device="cpu", data_dir=tmp_path)
    assert settle_execution(spec, cluster, Path("/given")).data_dir == Path("/given")
    assert settle_execution(spec, plain, None).data_dir == Path("of the spec").absolute()
    assert settle_execution(ExecutionConfig(), None, None).data_dir == Path("data").absolute()


def test_auto_takes_slurm_only_where_there_is_one_and_a_profile_for_this_host(
    profile, tmp_path, monkeypatch
):
    path = profile('hosts = ["no-such-host", "*"]')
    monkeypatch.setenv("PATH", str(tmp_path))
    assert choose_cluster("auto", tmp_path) == "local"
    sbatch = tmp_path / "sbatch"
    sbatch.touch(mode=0o755)
    assert choose_cluster("auto", tmp_path) == load_profile(path)
    profile('hosts = ["no-such-host"]')
    assert choose_cluster("auto", tmp_path) == "local"
    profile(f'hosts = ["{socket.gethostname()[:-1]}?"]')
    assert choose_cluster("auto", tmp_path) == load_profile(path)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("", {"cpus-per-task": 2, "mem": "4G", "time": 60}),
        ("mem_gb = 0", {"cpus-per-task": 2, "mem": "0", "time": 60}),
        ("mem_gb = 1.5", {"cpus-per-task": 2, "mem": "1536M", "time": 60}),
        ("mem_gb = 0.0009765625", {"cpus-per-task": 2, "mem": "1M", "time": 60}),
        ("mem_gb = 1000000", {"cpus-per-task": 2, "mem": "1000000G", "time": 60}),
        ('mem_gb = "default"', {"cpus-per-task": 2, "time": 60}),
        (
            'clusters = "Alpha_2.b-C"\npartition = ["a", "b"]\nexclusive = true\n'
            'mem_per_cpu_gb = 2\nnice = 0\n[extra]\nhold = true\nmail-user = "me"\nreboot = false',
            {
                "clusters": "Alpha_2.b-C",
                "partition": "a,b",
                "exclusive": True,
                "cpus-per-task": 2,
                "mem-per-cpu": "2G",
                "time": 60,
                "nice": 0,
                "hold": True,
                "mail-user": "me",
            },
        ),
    ],
)
def test_the_keys_of_a_profile_become_options_of_sbatch(profile, keys, expected):
    loaded = load_profile(profile(keys))
    assert loaded.options == expected
    assert loaded.submitit_parameters()["additional_parameters"] == expected | {"requeue": True}


def test_options_are_words_of_a_command():
    assert command_line({"hold": True, "mem": "4G", "nice": 0, "time": 1}) == [
        *("--hold", "--mem=4G", "--nice=0", "--time=1")
    ]


def test_the_steps_of_a_job_get_its_processors_and_its_environment(profile):
    keys = "cpus_per_task = 3\narray_parallelism = 5\nsignal_delay_s = 30\nrequeue = false"
    given = load_profile(profile(keys)).submitit_parameters()
    assert given.pop("additional_parameters")["no-requeue"] is True
    assert given == {
        "ntasks_per_node": 1,
        "array_parallelism": 5,
        "signal_delay_s": 30,
        "wckey": None,
        "srun_args": ["--cpus-per-task=3", "--export=ALL"],
    }


@pytest.mark.parametrize("name", ["local", "debug"])
def test_a_profile_cannot_take_the_place_of_this_machine(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(name).write_text("timeout_min = 7")
    assert choose_cluster(name) == name
