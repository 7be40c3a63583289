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

# Options of the same name as a key; the other keys are turned into options one by one.
NAMED_ALIKE = (
    *("clusters", "partition", "account", "qos", "reservation", "nodelist", "exclude"),
    *("constraint", "exclusive", "gpus", "gpus_per_node", "gpus_per_task", "gres"),
    *("cpus_per_task", "export", "nice", "comment"),
)
# What other keys and the launcher decide; `extra` must not say it a second time. With the last of
# these options, sbatch would not submit, or would not say which job came of it.
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
    """Refuse what would add lines to the batch script."""
    if not text.isprintable() or not text.strip():
        raise ValueError("must be one line of printable characters, and not empty")
    return text


def _one_cluster(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name) or name == "all":
        raise ValueError(
            "must be the name of one cluster, because a job that may be on any of several cannot "
            "be asked for by its id"
        )
    return name


def _joined(value: object) -> object:
    """Write a list of names as sbatch reads it."""
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
        "what the cluster gives without being asked"
    )


Line = Annotated[str, AfterValidator(_one_line)]
# A value of an #SBATCH line: no blanks, and nothing that SLURM or a shell would expand.
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
    """What one job asks for, and by what its command runs; see slurm/clusters/v100.toml."""

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
    """Python on the nodes; default: that of the launcher, or python3 of the image."""
    container: Annotated[Path, Field(strict=False), AfterValidator(Path.absolute)] | None = None
    """Image, or folder with an unpacked one, in which the command runs."""
    container_binds: Annotated[tuple[Line, ...], Field(strict=False)] = ()
    """Folders to bind, besides the sweep and the datasets: ``/a``, or ``/a:/inside``."""
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
            # sbatch takes the beginning of an option's name for the option.
            if any(option.startswith(name) for option in DECIDED):
                raise ValueError(f"extra must not set {name}: it is decided elsewhere")
        return self

    @property
    def partitions(self) -> tuple[str, ...]:
        """The partitions in any of which it may run; none: the cluster's default."""
        return tuple(self.partition.split(",")) if self.partition is not None else ()

    @property
    def gpu_count(self) -> int:
        """GPUs of one job; 0 where it asks for none, or for shares of one."""
        for name in GPU_WAYS:
            if getattr(self, name) is not None:
                return int(str(getattr(self, name)).rpartition(":")[2])
        return sum(int(n) for n in re.findall(r"\bgpu:(?:[^,]+:)?(\d+)", self.gres or ""))

    @property
    def uses_gpu(self) -> bool:
        """Whether it asks for GPUs, or for shares of one."""
        return self.gpu_count > 0 or GPU_RESOURCE.search(self.gres or "") is not None

    @property
    def memory_gb(self) -> float | None:
        """Memory of one job; 0: all that a node has; None: what the cluster gives unasked."""
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
        """The one option by which it asks for memory, if it asks."""
        given = [name for name in MEMORY_WAYS if name in self.model_fields_set] or ["mem_gb"]
        amount = getattr(self, given[0])
        return {} if amount == "default" else {MEMORY_WAYS[given[0]]: _size(amount)}


def command_line(options: Options) -> list[str]:
    """Write options as words of a command."""
    return [f"--{name}" if v is True else f"--{name}={v}" for name, v in options.items()]


def _size(gigabytes: float) -> str:
    """Write an amount of memory as sbatch reads it, in GiB or MiB."""
    if gigabytes == 0:
        return "0"
    return f"{gigabytes:.0f}G" if gigabytes == int(gigabytes) else f"{gigabytes * 1024:.0f}M"
