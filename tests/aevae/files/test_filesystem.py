"""What one file system lacks or refuses for a moment keeps nobody from working on it."""

import errno
import subprocess
import sys

import pytest


@pytest.fixture
def python(weird, shim, command_environment):
    """A function that runs a line of Python in an empty folder of a file system that fails."""

    def run(line, **settings):
        shim(**settings)
        return subprocess.run(
            [sys.executable, "-c", line],
            cwd=weird,
            env=command_environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


PUBLISH = "from aevae.files.atomic import *; publish_text(Path('file'), 'text')"


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS])
def test_where_folders_cannot_be_flushed_files_are_published_all_the_same(python, weird, number):
    published = python(PUBLISH, fsync=number)
    assert published.returncode == 0, published.stderr
    assert [path.name for path in weird.iterdir()] == ["file"]


def test_a_disk_that_fails_while_a_folder_is_flushed_is_named(python):
    failed = python(PUBLISH, fsync=errno.EIO)
    assert "[Errno 5] Input/output error: '.'" in failed.stderr
