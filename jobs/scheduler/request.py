"""What one job asks SLURM for: the keys of a profile that are options of sbatch."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from aevae.config import Frozen

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


class JobRequest(Frozen):
    """What one job asks for; see the comments in slurm/clusters/v100.toml."""

    partition: Word | None = None
    account: Word | None = None
    qos: Word | None = None
    gpus_per_node: GpuCount | Count | None = None
    gres: Gres | None = None
    constraint: Word | None = None
    cpus_per_task: Count = 2
    mem_gb: Annotated[float, Field(gt=0)] = 4.0
    timeout_min: Count = 60
    setup: Annotated[tuple[Line, ...], Field(strict=False)] = ()
    extra: dict[Option, bool | int | Line] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_request(self) -> Self:
        if self.gpus_per_node is not None and self.gres is not None:
            raise ValueError("gpus_per_node and gres are two ways to ask for GPUs: give one")
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


def memory_size(gigabytes: float) -> str:
    """Write an amount of memory as sbatch reads it, in GiB or MiB."""
    return f"{gigabytes:.0f}G" if gigabytes == int(gigabytes) else f"{gigabytes * 1024:.0f}M"
