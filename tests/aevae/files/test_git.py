"""A result names the code that made it, or says that it is not known: never another code."""

import json
import os
import shutil
import subprocess

import pytest

from aevae.files import git

COPIED = {"name": "aevae code", "git_commit": "c" * 40, "git_dirty": True}


def call(folder, *arguments):
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    command = ["git", *identity, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def root(weird, monkeypatch):
    """A folder that the code seems to lie in; git does not know it yet."""
    root = weird / "checkout"
    code = root / "aevae" / "files" / "git.py"
    code.parent.mkdir(parents=True)
    code.write_text("code")
    use(root, monkeypatch)
    return root


def use(root, monkeypatch):
    monkeypatch.setattr(git, "ROOT", root)
    monkeypatch.setattr(git, "__file__", str(root / "aevae" / "files" / "git.py"))


@pytest.fixture
def commit(root):
    """The commit of the folder, which is a repository now."""
    call(root, "init", "-q", "-b", "main")
    call(root, "add", "aevae")
    call(root, "commit", "-q", "-m", "first")
    return call(root, "rev-parse", "HEAD")


@pytest.fixture
def installed(root, monkeypatch):
    """A function that records the folder as an installed package."""
    monkeypatch.syspath_prepend(root)
    recorded = root / "aevae-0.1.0.dist-info"

    def install(**origin):
        recorded.mkdir(exist_ok=True)
        (recorded / "METADATA").write_text("Metadata-Version: 2.1\nName: aevae\nVersion: 0.1.0\n")
        (recorded / "direct_url.json").write_text(json.dumps(origin))

    return install


def test_a_change_of_the_code_is_said(root, commit):
    assert git.git_identity() == (commit, False)
    call(root, "config", "core.quotepath", "false")  # git shows names as they are
    (root / os.fsdecode(b"\xff")).touch()
    assert git.git_identity() == (commit, True)


def test_a_copy_has_the_identity_of_what_was_copied(root, commit, tmp_path, monkeypatch):
    written = git.identity_for_a_copy()
    assert json.loads(written) == COPIED | {"git_commit": commit, "git_dirty": False}
    assert written.endswith("}\n")
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / git.COPY_IDENTITY).write_text(written)
    use(copy, monkeypatch)
    assert git.git_identity() == (commit, False)
    assert git.identity_for_a_copy() == written


@pytest.mark.parametrize("content", ["{", "[]", json.dumps(COPIED | {"name": "x"})])
def test_another_file_of_that_name_is_not_taken_for_an_identity(root, commit, content):
    (root / git.COPY_IDENTITY).write_text(content)
    assert git.git_identity() == (commit, True)


def test_code_that_git_does_not_track_has_no_commit(root, commit):
    (root / "aevae" / "files" / "notes.txt").touch()  # the user's own, beside it
    call(root, "add", "aevae")
    call(root, "rm", "-q", "--cached", "aevae/files/git.py")
    assert git.git_identity() == (None, None)


def test_variables_of_a_hook_name_no_other_repository(commit, weird, monkeypatch):
    monkeypatch.setenv("GIT_DIR", str(weird / "nowhere"))
    assert git.git_identity() == (commit, False)


@pytest.mark.parametrize("body", [None, "echo dubious ownership >&2; exit 128", "exec sleep 60"])
def test_where_git_does_not_answer_the_commit_is_read_from_the_checkout(
    commit, installed, tmp_path, monkeypatch, capfd, body
):
    installed(vcs_info={"commit_id": "a" * 40})
    commands = tmp_path / "bin"
    commands.mkdir()
    if body is not None:
        (commands / "git").write_text(f"#!/bin/sh\n{body}\n")
        (commands / "git").chmod(0o755)
        (commands / "sleep").symlink_to(shutil.which("sleep"))
    monkeypatch.setenv("PATH", str(commands))
    monkeypatch.setattr(git, "TIMEOUT_S", 0.3)
    assert git.git_identity() == (commit, None)
    assert capfd.readouterr() == ("", "")


def test_without_git_an_installed_package_has_its_recorded_commit(installed, tmp_path, monkeypatch):
    installed(vcs_info={"commit_id": "a" * 40})
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git.git_identity() == ("a" * 40, None)


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ({"vcs_info": {"commit_id": "a" * 40}}, "a" * 40),
        ({"vcs_info": {"commit_id": 7}}, None),
        ({"vcs_info": {}}, None),
        ({"vcs_info": "git"}, None),
        ({"dir_info": {"editable": True}}, None),
    ],
)
def test_an_installed_package_has_the_commit_that_pip_recorded(
    root, commit, installed, origin, expected
):
    shutil.rmtree(root / ".git")
    call(root.parent, "init", "-q")  # a user's own project, which does not track it
    installed(**origin)
    assert git.git_identity() == (expected, None)


def test_the_record_of_another_place_s_package_is_not_taken(root, installed, monkeypatch):
    call(root, "init", "-q")
    installed(vcs_info={"commit_id": "a" * 40})
    other = root.parent / "other"
    shutil.copytree(root, other, ignore=shutil.ignore_patterns("*.dist-info"))
    use(other, monkeypatch)
    assert git.git_identity() == (None, None)


def test_without_the_file_in_which_pip_records_the_origin_there_is_no_commit(root, installed):
    call(root, "init", "-q")
    installed()
    (root / "aevae-0.1.0.dist-info" / "direct_url.json").unlink()
    assert git.git_identity() == (None, None)


def test_the_commit_of_any_kind_of_checkout_is_read_without_git(root, commit, monkeypatch):
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    second, read = root.parent / "second", git._checked_out_commit
    assert read(root / ".git") == commit
    call(root, "worktree", "add", "-q", "-b", "more/work", second)
    assert read(second / ".git") == commit
    call(second, "commit", "-q", "--allow-empty", "-m", "second")
    later = call(second, "rev-parse", "HEAD")
    call(root, "branch", "work")  # the end of the other branch's name, with another commit
    call(root, "pack-refs", "--all")
    assert read(second / ".git") == later
    assert read(root / ".git") == commit
    call(root, "checkout", "-q", later)
    assert read(root / ".git") == later
    assert read(root.parent / ".git") is None


@pytest.mark.parametrize("head", ["ref: refs/heads/none", "0123", "", "x" * 40])
def test_a_head_that_names_no_commit_gives_none(root, commit, head):
    (root / ".git" / "HEAD").write_text(head)
    assert git._checked_out_commit(root / ".git") is None
    (root / ".git" / "packed-refs").write_text(f"{commit} refs/heads/main\n")
    assert git._checked_out_commit(root / ".git") is None
