"""How a job starts Python on its node: as it is there, or inside a container image.

Inside an image there are no commands of SLURM. Therefore a small file stands in for `scontrol`: it
writes down what it is asked for. The batch script runs outside, and does it when the run has ended.
"""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from aevae.errors import InputError
from aevae.files.atomic import publish_text
from aevae.files.layout import SweepPaths
from jobs.scheduler.request import JobRequest

# submitit asks for "requeue" when the time limit is near or the job is preempted. After TERM alone,
# a run asks for "show", to learn whether the job is preempted or cancelled. It gets no answer, and
# ends as in a cancelled job, with a checkpoint; the batch script then finds out.
STAND_IN = """\
#!/bin/sh
echo "$1" >"${AEVAE_ASKED:?}"
[ "$1" = requeue ]
"""
AFTERWARDS = (
    "code=$?",
    'asked=$(cat "$AEVAE_ASKED" 2>/dev/null)',
    'rm -f "$AEVAE_ASKED"',
    "preempted() { scontrol show job \"$SLURM_JOB_ID\" --oneliner | grep -q 'PreemptTime=[0-9]'; }",
    "if [[ $asked == requeue ]] || { [[ $asked == show ]] && preempted; }; then",
    '  scontrol requeue "$SLURM_JOB_ID" && exit 0',
    "fi",
    'exit "$code"',
)


def python_words(
    request: JobRequest, folders: Sequence[Path], python: str | None = None
) -> list[str]:
    """Return the words of a command that starts Python on the node.

    Parameters
    ----------
    request
        What the job asks for; its image, if it has one.
    folders
        What Python needs of the file system, besides the home folder and /tmp; they must exist.
    python
        Python where the profile names none and there is no image; default: this one.

    Raises
    ------
    InputError
        A folder has a name by which it cannot be bound into an image.
    """
    if request.container is None:
        return [request.python or python or sys.executable]
    binds = [str(folder) for folder in folders]
    for folder in binds:
        if {",", ":"} & set(folder):
            raise InputError(f"{folder!r}: a container needs folders without ',' and ':'")
    binds += request.container_binds
    gpu = ["--nv"] if request.uses_gpu else []
    options = [*gpu, *(word for bind in dict.fromkeys(binds) for word in ("--bind", bind))]
    image = str(request.container)
    return [request.container_command, "exec", *options, image, request.python or "python3"]


def python_lines(request: JobRequest, code: Path | None) -> list[str]:
    """Return lines of shell by which Python finds our packages, in a copy of the code if any.

    They come after the user's own lines, which may set PYTHONPATH too; but an image has packages of
    its own, and those of the user's shell and home folder do not fit it. Without PYTHONSAFEPATH,
    `python -m` would prefer a jobs.py that lies in the working folder.
    """
    lines = ["export PYTHONSAFEPATH=1"]
    if request.container is not None:
        return [
            *lines,
            f"export {_inside(request)}PYTHONNOUSERSITE=1",
            f"export {_inside(request)}PYTHONPATH={shlex.quote(str(code or ''))}",
        ]
    if code is not None:
        lines.append(f"export PYTHONPATH={shlex.quote(str(code))}${{PYTHONPATH:+:$PYTHONPATH}}")
    return lines


def requeue_lines(paths: SweepPaths, request: JobRequest) -> tuple[list[str], list[str]]:
    """Return lines of shell before and after the run by which a job in an image is requeued."""
    if request.container is None:
        return [], []
    commands = shlex.quote(str(paths.stand_in.parent))
    before = [
        f'export AEVAE_ASKED={shlex.quote(str(paths.submitit))}/asked-"$SLURM_JOB_ID"',
        'rm -f "$AEVAE_ASKED"',
        f"export {_inside(request)}PREPEND_PATH={commands}",
        # SIGTERM would end bash, and then nobody would requeue the job.
        "trap : TERM",
    ]
    return before, list(AFTERWARDS)


def write_stand_in(paths: SweepPaths) -> None:
    """Write what stands in for `scontrol` inside an image."""
    paths.stand_in.parent.mkdir(exist_ok=True)
    publish_text(paths.stand_in, STAND_IN)
    paths.stand_in.chmod(0o755)


def _inside(request: JobRequest) -> str:
    """Return the beginning of the name of a variable that is set inside the image."""
    return f"{request.container_command.upper()}ENV_"
