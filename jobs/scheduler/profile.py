"""Cluster profiles: what a job asks SLURM for, and which machines a profile is meant for."""

import fnmatch
import re
import shutil
import socket
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, ValidationError, model_validator

from aevae.config import Frozen
from aevae.errors import InputError, describe_validation_error
from aevae.execution import ExecutionConfig
from aevae.files.filesystem import as_given
from jobs.toml import read_toml

_INSTALLED = Path(__file__).resolve().parents[1] / "slurm_files"
SLURM_FILES = _INSTALLED if _INSTALLED.is_dir() else _INSTALLED.parents[1] / "slurm"
"""Profiles and batch scripts: the folder slurm/ of a checkout, or what was installed of it."""
SHIPPED_PROFILES = SLURM_FILES / "clusters"
# What the other keys and the launcher decide; `extra` must not say it a second time.
DECIDED = {
    *("account", "array", "comment", "constraint", "cpus-per-task", "error", "gpus"),
    *("gpus-per-node", "gpus-per-task", "gres", "job-name", "mem", "nodes", "no-requeue"),
    *("ntasks", "ntasks-per-node", "open-mode", "output", "partition", "qos", "requeue"),
    *("signal", "time", "wrap"),
}


def _one_line(text: str) -> str:
    """Refuse what would add lines to the batch script."""
    if not text.isprintable() or not text.strip():
        raise ValueError("must be one line of printable characters, and not empty")
    return text


Line = Annotated[str, AfterValidator(_one_line)]
# A value of an #SBATCH line: no blanks, and nothing that SLURM or a shell would expand.
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.,:=&|\[\]()*@/+-]*$")]
Option = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*$")]
GpuCount = Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9_.-]+:)?[1-9][0-9]{0,2}$")]
Gres = Annotated[str, StringConstraints(pattern=r"^gpu(:[A-Za-z0-9_.-]+)?:[1-9][0-9]{0,2}$")]
Count = Annotated[int, Field(ge=1)]


class ClusterProfile(Frozen):
    """What one job asks for on one kind of cluster; see the comments in slurm/clusters/."""

    description: str = ""
    hosts: Annotated[tuple[Line, ...], Field(strict=False)] = ()
    """Patterns of login host names for which ``--cluster auto`` picks this profile."""
    partition: Word | None = None
    account: Word | None = None
    qos: Word | None = None
    gpus_per_node: GpuCount | Count | None = None
    gres: Gres | None = None
    constraint: Word | None = None
    cpus_per_task: Count = 2
    mem_gb: Annotated[float, Field(gt=0)] = 4.0
    timeout_min: Count = 60
    runs_per_job: Count = 1
    """Runs that one job trains."""
    side_by_side: bool = False
    """Train them at the same time instead of one after another."""
    array_parallelism: Count = 64
    """Jobs of one array that may run at once."""
    requeue: bool = True
    max_num_timeout: Annotated[int, Field(ge=0)] = 3
    """How often a job that meets its time limit goes back into the queue."""
    signal_delay_s: Annotated[int, Field(ge=5)] = 90
    """Seconds before the limit at which a job is told to save."""
    setup: Annotated[tuple[Line, ...], Field(strict=False)] = ()
    device: Literal["auto", "cpu", "cuda"] | None = None
    data_dir: Annotated[Path, Field(strict=False)] | None = None
    extra: dict[Option, bool | int | Line] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_consistent(self) -> Self:
        if self.gpus_per_node is not None and self.gres is not None:
            raise ValueError("gpus_per_node and gres are two ways to ask for GPUs: give one")
        if self.signal_delay_s >= 60 * self.timeout_min:
            raise ValueError("signal_delay_s must be less than the time limit, timeout_min")
        decided = sorted(DECIDED & self.extra.keys())
        if decided:
            raise ValueError(f"extra must not set {decided[0]}: it is decided elsewhere")
        return self

    @property
    def gpus(self) -> int:
        """GPUs of one job."""
        asked = self.gpus_per_node if self.gpus_per_node is not None else self.gres
        return int(str(asked).rpartition(":")[2]) if asked is not None else 0

    def options(self, *names: str) -> list[str]:
        """Return those of its keys that are set as options of sbatch and srun."""
        values = {name.replace("_", "-"): getattr(self, name) for name in names}
        return [f"--{name}={value}" for name, value in values.items() if value is not None]

    def submitit_parameters(self) -> dict[str, Any]:
        """Return the parameters of submitit's SlurmExecutor."""
        extra: dict[str, object] = {k: v for k, v in self.extra.items() if v is not False}
        asked = {
            "partition": self.partition,
            "account": self.account,
            "qos": self.qos,
            "gpus_per_node": self.gpus_per_node,
            "gres": self.gres,
            "constraint": self.constraint,
        }
        return {name: value for name, value in asked.items() if value is not None} | {
            "cpus_per_task": self.cpus_per_task,
            "mem_gb": self.mem_gb,
            "timeout_min": self.timeout_min,
            "tasks_per_node": 1,
            "array_parallelism": self.array_parallelism,
            "signal_delay_s": self.signal_delay_s,
            "wckey": None,  # submitit would send its own name, which some clusters refuse
            # Since SLURM 22.05 a step no longer inherits the CPUs that its job asked for.
            # Nor does it get what the script exports where sbatch was called with --export=NONE.
            "srun_args": [f"--cpus-per-task={self.cpus_per_task}", "--export=ALL"],
            "additional_parameters": extra | {"requeue" if self.requeue else "no-requeue": True},
        }


def settle_execution(
    execution: ExecutionConfig, profile: ClusterProfile | None, data_dir: Path | None
) -> ExecutionConfig:
    """Settle where and how runs execute, for every command that has to know.

    The datasets are where the command line (or AEVAE_DATA_DIR) says, else the profile, else the
    specification, else in ``data``. Jobs use what was settled when their sweep was launched.

    Parameters
    ----------
    execution
        The settings of the specification, or the defaults where there is none.
    profile
        The cluster that is used; None: this machine.
    data_dir
        What the command line says; None if it says nothing.
    """
    device = profile.device if profile is not None else None
    profile_data = profile.data_dir if profile is not None else None
    folder = data_dir or profile_data or execution.data_dir
    settled = {"device": device or execution.device, "data_dir": as_given(folder)}
    return execution.model_copy(update=settled)


def load_profile(path: Path) -> ClusterProfile:
    """Read and validate a profile; a bare name such as ``v100`` means a shipped one.

    Raises
    ------
    InputError
        Unreadable, not TOML, or invalid: one line with the key, its value and what is valid.
    """
    if not path.exists() and re.fullmatch(r"[A-Za-z0-9_-]+", str(path)):
        path = _shipped(str(path))
    try:
        return ClusterProfile.model_validate(read_toml(path))
    except ValidationError as error:
        raise InputError(describe_validation_error(error, str(path))) from None


def _shipped(name: str) -> Path:
    path = SHIPPED_PROFILES / f"{name}.toml"
    if not path.exists():
        names = sorted(shipped.stem for shipped in SHIPPED_PROFILES.glob("*.toml"))
        valid = ", ".join(["local", "debug", "auto", *names])
        raise InputError(f"no cluster is called {name!r}: give a profile's file or one of {valid}")
    return path


def choose_cluster(
    name: str, folder: Path = SHIPPED_PROFILES
) -> ClusterProfile | Literal["local", "debug"]:
    """Turn the value of ``--cluster`` into a profile, ``local`` or ``debug``.

    ``auto`` takes the first profile of `folder` that is meant for this host, if there is an
    sbatch here; else ``local``.
    """
    if name == "local":
        return "local"
    if name == "debug":
        return "debug"
    if name != "auto":
        return load_profile(Path(name))
    if shutil.which("sbatch") is None:
        return "local"
    hosts = {socket.gethostname(), socket.getfqdn()}
    for path in sorted(folder.glob("*.toml")):
        profile = load_profile(path)
        if any(fnmatch.fnmatchcase(h, pattern) for h in hosts for pattern in profile.hosts):
            return profile
    return "local"
