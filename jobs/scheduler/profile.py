"""Cluster profiles: what a job asks SLURM for, and which machines a profile is meant for."""

import fnmatch
import re
import shutil
import socket
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from aevae.errors import InputError, describe_validation_error
from aevae.execution import ExecutionConfig
from aevae.files.filesystem import as_given
from jobs.scheduler.request import GPU_WAYS, MEMORY_WAYS, Count, JobRequest, Line
from jobs.toml import read_toml

_INSTALLED = Path(__file__).resolve().parents[1] / "slurm_files"
SLURM_FILES = _INSTALLED if _INSTALLED.is_dir() else _INSTALLED.parents[1] / "slurm"
"""Profiles and batch scripts: the folder slurm/ of a checkout, or its installed copy."""
SHIPPED_PROFILES = SLURM_FILES / "clusters"
# The analysis takes these keys over from the runs. It needs no GPU, so `constraint` is left out,
# which usually chooses a type of GPU.
ALSO_FOR_ANALYSIS = JobRequest.model_fields.keys() - {
    *(*GPU_WAYS, "gres", "constraint", "exclusive"),
    *(*MEMORY_WAYS, "cpus_per_task", "timeout_min"),
}


class ClusterProfile(JobRequest):
    """What jobs ask for on one kind of cluster, and how they are launched there."""

    description: str = ""
    hosts: Annotated[tuple[Line, ...], Field(strict=False)] = ()
    """Patterns of login host names for which ``--cluster auto`` picks this profile."""
    runs_per_job: Count = 1
    """Runs that one job trains."""
    side_by_side: bool = False
    """Whether a job trains its runs at the same time instead of one after another."""
    array_parallelism: Count = 64
    """Jobs of one array that may run at once."""
    requeue: bool = True
    max_num_timeout: Annotated[int, Field(ge=0)] = 3
    """How often a job that reaches its time limit is requeued."""
    signal_delay_s: Annotated[int, Field(ge=5, le=65_535)] = 90
    """How many seconds before its time limit a job receives the signal to save."""
    analysis: dict[str, Any] = Field(default_factory=dict)
    """The keys in which the analysis job differs from the runs' jobs; see `analysis_request`."""
    device: Literal["auto", "cpu", "cuda"] | None = None
    data_dir: Annotated[Path, Field(strict=False)] | None = None

    @model_validator(mode="after")
    def _check_consistent(self) -> Self:
        if self.signal_delay_s >= 60 * self.timeout_min:
            raise ValueError("signal_delay_s must be less than the time limit, timeout_min")
        if "clusters" in self.analysis:
            raise ValueError("analysis.clusters: the analysis waits for jobs of the runs' cluster")
        try:
            _ = self.analysis_request
        except ValidationError as error:
            keys = JobRequest.dotted_keys()
            raise ValueError(describe_validation_error(error, "[analysis]", keys)) from None
        return self

    @property
    def analysis_request(self) -> JobRequest:
        """What the analysis job asks for: the same as the runs, but without a GPU.

        The keys of ``[analysis]`` replace those of the runs; the value ``false`` removes a key.
        """
        asked = {name: getattr(self, name) for name in self.model_fields_set & ALSO_FOR_ANALYSIS}
        asked |= {"cpus_per_task": 2, "timeout_min": 120} | self._analysis_memory | self.analysis
        extra = self.analysis.get("extra", {})
        asked["extra"] = self.extra | extra if isinstance(extra, dict) else extra
        return JobRequest.model_validate({k: v for k, v in asked.items() if v is not False})

    @property
    def _analysis_memory(self) -> dict[str, float | str]:
        """The memory of the analysis job, by the same kind of option as that of the runs."""
        if MEMORY_WAYS.keys() & self.analysis.keys():
            return {}
        if MEMORY_WAYS.keys() & self.model_fields_set <= {"mem_gb"}:
            return {"mem_gb": "default" if self.mem_gb == "default" else 8.0}
        return {"mem_per_cpu_gb": 4.0}

    def submitit_parameters(self) -> dict[str, Any]:
        """Return the parameters by which submitit writes a batch script."""
        return {
            "ntasks_per_node": 1,
            "array_parallelism": self.array_parallelism,
            "signal_delay_s": self.signal_delay_s,
            "wckey": None,  # submitit's default is "submitit", which some clusters refuse
            # Since SLURM 22.05, srun does not inherit --cpus-per-task from the job. After sbatch
            # --export=NONE, srun would not pass on the variables that the script exports.
            "srun_args": [f"--cpus-per-task={self.cpus_per_task}", "--export=ALL"],
            "additional_parameters": self.options
            | {"requeue" if self.requeue else "no-requeue": True},
        }


def settle_execution(
    execution: ExecutionConfig, profile: ClusterProfile | None, data_dir: Path | None
) -> ExecutionConfig:
    """Return the settings of where and how runs execute; every command uses this function.

    The folder of the datasets is that of the command line (or AEVAE_DATA_DIR), else that of the
    profile, else that of the specification, else ``data``. Jobs use the settings with which their
    sweep was launched.

    Parameters
    ----------
    execution
        The settings of the specification, or the defaults where there is none.
    profile
        The cluster that is used; None: this machine.
    data_dir
        The folder that the command line names; None if it names none.
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
        The file cannot be read, is not TOML or is invalid. The message is one line with the key,
        its value and what is valid.
    """
    if not path.exists() and re.fullmatch(r"[A-Za-z0-9_-]+", str(path)):
        path = _shipped(str(path))
    try:
        return ClusterProfile.model_validate(read_toml(path))
    except ValidationError as error:
        keys = ClusterProfile.dotted_keys()
        raise InputError(describe_validation_error(error, str(path), keys)) from None


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

    ``auto`` means the first profile of `folder` whose `hosts` match this host. It means ``local``
    if no profile matches or this host has no sbatch.
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
