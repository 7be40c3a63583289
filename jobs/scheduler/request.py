"""What one job asks SLURM for: the keys of a profile that are options of sbatch."""

import math
import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainValidator,
    StringConstraints,
    model_validator,
)

from aevae.config import Frozen

# These keys have the same name as an option of sbatch. Other keys are converted one by one.
NAMED_ALIKE = (
    *("clusters", "partition", "account", "qos", "reservation", "nodelist", "exclude"),
    *("constraint", "exclusive", "gpus", "gpus_per_node", "gpus_per_task", "gres"),
    *("cpus_per_task", "export", "nice", "comment"),
)
# Options that `extra` must not set. Other keys or the launcher set most of them. With the options
# of the last line, sbatch would submit no job, or would not print the id of the job.
DECIDED = {name.replace("_", "-") for name in NAMED_ALIKE} | {
    *("array", "error", "job-name", "mem", "mem-per-cpu", "mem-per-gpu", "nodes", "no-requeue"),
    *("ntasks", "ntasks-per-node", "open-mode", "output", "requeue", "signal", "time", "wrap"),
    *("help", "parsable", "quiet", "test-only", "usage", "version", "wait"),
}
SMALLEST_GB, LARGEST_GB = 1 / 1024, 1e6
GPU_WAYS = ("gpus", "gpus_per_node", "gpus_per_task")
MEMORY_WAYS = {"mem_gb": "mem", "mem_per_cpu_gb": "mem-per-cpu", "mem_per_gpu_gb": "mem-per-gpu"}
# A GPU, or a share of one.
GPU_RESOURCE = re.compile(r"\b(?:gpu|shard|mps):")


def _one_line(text: str) -> str:
    """Refuse text that would add lines to the batch script."""
    if not text.isprintable() or not text.strip():
        raise ValueError("must be one line of printable characters, and not empty")
    return text


def _one_cluster(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name) or name == "all":
        raise ValueError(
            "must be the name of one cluster, because squeue finds a job by its id only on a known "
            "cluster"
        )
    return name


def _joined(value: object) -> object:
    """Join a list of names with commas, as sbatch expects it."""
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return ",".join(value)
    return value


def _memory(value: object) -> float | Literal["default"]:
    if value == "default":
        return "default"
    number = float(value) if isinstance(value, int | float) else math.nan
    if not isinstance(value, bool) and (number == 0 or SMALLEST_GB <= number <= LARGEST_GB):
        return number
    raise ValueError(
        'must be GiB from 1/1024 to 1,000,000, 0 for all memory of the node, or "default" for '
        "the cluster's default"
    )


Line = Annotated[str, AfterValidator(_one_line)]
# A value of an #SBATCH line has no blanks, and nothing that SLURM or a shell would expand.
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.,:=&|\[\]()*@/+-]*$")]
Names = Annotated[Word, BeforeValidator(_joined)]
Constraint = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.,:=&|\[\]()*@/+!-]+$")]
Cluster = Annotated[str, AfterValidator(_one_cluster)]
Option = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*$")]
GpuCount = Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9_.-]+:)?[1-9][0-9]{0,2}$")]
_RESOURCE = r"[a-z][a-z0-9_]*(:[A-Za-z0-9_.-]+)?:[1-9][0-9]{0,5}[KMGT]?"
Gres = Annotated[str, StringConstraints(pattern=rf"^{_RESOURCE}(,{_RESOURCE})*$")]
Count = Annotated[int, Field(ge=1)]
Memory = Annotated[float | Literal["default"], PlainValidator(_memory)]
Options = dict[str, str | int | bool]
MemoryPart = Annotated[float, Field(ge=SMALLEST_GB, le=LARGEST_GB)]


class JobRequest(Frozen):
    """What one job asks for, and how its command starts; slurm/clusters/v100.toml explains it."""

    clusters: Cluster | None = None
    partition: Names | None = None
    account: Word | None = None
    qos: Word | None = None
    reservation: Names | None = None
    nodelist: Names | None = None
    exclude: Names | None = None
    constraint: Constraint | None = None
    exclusive: bool | Literal["user", "mcs", "topo"] = False
    gpus: GpuCount | Count | None = None
    gpus_per_node: GpuCount | Count | None = None
    gpus_per_task: GpuCount | Count | None = None
    gres: Gres | None = None
    cpus_per_task: Count = 2
    mem_gb: Memory = 4.0
    mem_per_cpu_gb: MemoryPart | None = None
    mem_per_gpu_gb: MemoryPart | None = None
    timeout_min: Count = 60
    export: Word | None = None
    nice: int | None = None
    comment: Line | None = None
    setup: Annotated[tuple[Line, ...], Field(strict=False)] = ()
    python: Line | None = None
    """Python on the nodes; default: the launcher's Python or, with an image, its python3."""
    container: Annotated[Path, Field(strict=False), AfterValidator(Path.absolute)] | None = None
    """Container image in which the command runs, or a folder with an unpacked image."""
    container_binds: Annotated[tuple[Line, ...], Field(strict=False)] = ()
    """Further folders to bind into the image, as ``/a`` or ``/a:/inside``."""
    container_command: Literal["apptainer", "singularity"] = "apptainer"
    extra: dict[Option, bool | int | Line] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_request(self) -> Self:
        gpus = [name for name in GPU_WAYS if getattr(self, name) is not None]
        gpus += ["gres"] if GPU_RESOURCE.search(self.gres or "") else []
        memory = [name for name in MEMORY_WAYS if name in self.model_fields_set]
        for ways, wanted in ((gpus, "GPUs"), (memory, "memory")):
            if len(ways) > 1:
                raise ValueError(
                    f"{ways[0]} and {ways[1]} are two ways to ask for {wanted}: give one"
                )
        if self.mem_per_gpu_gb is not None and self.gpu_count == 0:
            raise ValueError(
                "mem_per_gpu_gb needs a GPU: gpus, gpus_per_node, gpus_per_task or gres"
            )
        for name in self.extra:
            # sbatch accepts the beginning of an option's name in place of the whole name.
            if any(option.startswith(name) for option in DECIDED):
                raise ValueError(f"extra must not set {name}: other keys or the launcher set it")
        return self

    @property
    def partitions(self) -> tuple[str, ...]:
        """The partitions in which the job may run; empty for the cluster's default."""
        return tuple(self.partition.split(",")) if self.partition is not None else ()

    @property
    def gpu_count(self) -> int:
        """GPUs of one job; 0 if it asks for none, or only for a share of a GPU."""
        for name in GPU_WAYS:
            if getattr(self, name) is not None:
                return int(str(getattr(self, name)).rpartition(":")[2])
        return sum(int(n) for n in re.findall(r"\bgpu:(?:[^,]+:)?(\d+)", self.gres or ""))

    @property
    def uses_gpu(self) -> bool:
        """Whether the job asks for GPUs, or for a share of a GPU."""
        return self.gpu_count > 0 or GPU_RESOURCE.search(self.gres or "") is not None

    @property
    def memory_gb(self) -> float | None:
        """GiB of one job; 0 for all memory of the node; None for the cluster's default."""
        if self.mem_per_cpu_gb is not None:
            return self.mem_per_cpu_gb * self.cpus_per_task
        if self.mem_per_gpu_gb is not None:
            return self.mem_per_gpu_gb * self.gpu_count
        return None if self.mem_gb == "default" else self.mem_gb

    @property
    def options(self) -> Options:
        """The options of sbatch and srun, by name; True stands for an option without a value."""
        alike = {name.replace("_", "-"): getattr(self, name) for name in NAMED_ALIKE}
        chosen = alike | self._memory_option | {"time": self.timeout_min} | self.extra
        return {name: v for name, v in chosen.items() if v is not None and v is not False}

    @property
    def _memory_option(self) -> Options:
        """The option that asks for memory; empty for the cluster's default."""
        given = [name for name in MEMORY_WAYS if name in self.model_fields_set] or ["mem_gb"]
        amount = getattr(self, given[0])
        return {} if amount == "default" else {MEMORY_WAYS[given[0]]: _size(amount)}


def command_line(options: Options) -> list[str]:
    """Return options in the form of a command line, such as ``--time=60``."""
    return [f"--{name}" if v is True else f"--{name}={v}" for name, v in options.items()]


def _size(gigabytes: float) -> str:
    """Return an amount of memory in sbatch's notation, in GiB or MiB."""
    if gigabytes == 0:
        return "0"
    return f"{gigabytes:.0f}G" if gigabytes == int(gigabytes) else f"{gigabytes * 1024:.0f}M"
