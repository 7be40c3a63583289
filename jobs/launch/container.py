"""How a job starts Python on its node: directly, or inside a container image.

Inside an image there are no commands of SLURM. Therefore a small script takes the place of
`scontrol`: it writes the requested action to a file. The batch script runs outside the image, and
performs the action when the run has ended.
"""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from aevae.errors import InputError
from aevae.files.atomic import publish_text
from aevae.files.layout import SweepPaths
from jobs.scheduler.request import JobRequest

# submitit calls "scontrol requeue" when the time limit is near or the job is preempted. After TERM
# alone, a run calls "scontrol show" to learn whether the job is preempted or cancelled. The script
# below gives no answer, so the run saves a checkpoint and ends, as in a cancelled job. Afterwards
# the batch script itself asks SLURM, and requeues a job that is preempted.
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
        What the job asks for; it names the image, if there is one.
    folders
        Existing folders that Python needs, besides the home folder and /tmp; they are bound into
        the image.
    python
        Path of Python, used if the profile names none and there is no image; default: the Python
        that runs this code.

    Raises
    ------
    InputError
        A folder cannot be bound into an image, because its name holds a comma or a colon.
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
    """Return lines of shell that let Python find our packages, in the copy of the code if any.

    The lines follow the user's own setup, which may set PYTHONPATH too, so its value is kept. With
    an image it is not kept: the image has its own packages, and those of the user's shell and home
    folder do not fit. Without PYTHONSAFEPATH, `python -m` would prefer a jobs.py in the working
    folder.
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
    """Return lines of shell for before and after the run, which requeue a job in an image."""
    if request.container is None:
        return [], []
    commands = shlex.quote(str(paths.stand_in.parent))
    before = [
        f'export AEVAE_ASKED={shlex.quote(str(paths.submitit))}/asked-"$SLURM_JOB_ID"',
        'rm -f "$AEVAE_ASKED"',
        f"export {_inside(request)}PREPEND_PATH={commands}",
        # Otherwise SIGTERM would end bash, and bash could not requeue the job.
        "trap : TERM",
    ]
    return before, list(AFTERWARDS)


def write_stand_in(paths: SweepPaths) -> None:
    """Write the script that takes the place of `scontrol` inside an image."""
    paths.stand_in.parent.mkdir(exist_ok=True)
    publish_text(paths.stand_in, STAND_IN)
    paths.stand_in.chmod(0o755)


def _inside(request: JobRequest) -> str:
    """Return the prefix for the name of a variable that shall be set inside the image."""
    return f"{request.container_command.upper()}ENV_"
