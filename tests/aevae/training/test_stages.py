"""What a run leaves behind while it works, so that it can be watched, stopped and resumed."""

import json
import logging
import re
import signal

import h5py
import numpy as np
import pytest
import torch

from aevae.errors import InputError, Interrupted, RunFailed
from aevae.execution import ExecutionConfig, StopRequest
from aevae.files.attempt import Attempt
from aevae.files.dataset import file_sha256
from aevae.files.layout import SweepPaths
from aevae.files.schema import check_results, check_training, open_results
from aevae.training import stages
from aevae.training.provenance import describe_process
from aevae.training.stages import Stages, choose_device

CPU = torch.device("cpu")
UTC = r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00"


@pytest.fixture
def begin(weird, tiny_config, plan, small_evaluation, few_digits, monkeypatch):
    """A function that claims the next attempt at a run, and returns its stages."""
    monkeypatch.setattr(stages, "load_dataset", lambda _config, _folder: few_digits)
    sweep = SweepPaths(weird)

    def claim(kind="vae", epochs=2, **execution):
        config = tiny_config(kind, epochs=epochs)
        paths = sweep.run(config.run_id)
        if not paths.root.exists():
            plan(sweep, config)
        settings = ExecutionConfig(**{"device": "cpu", "threads": 1, **execution})
        return Stages(sweep, paths, config, small_evaluation, settings, Attempt.claim(paths))

    return claim


@pytest.fixture
def progress(monkeypatch):
    """What is written for `status`, in the order of time."""
    written, publish = [], stages.publish_text

    def watch(path, text, *, durable):
        assert durable is False  # a disk needs longer for each flush than an epoch takes
        assert path.name == "progress.json"
        assert text.endswith("}\n")
        publish(path, text, durable=durable)
        written.append(json.loads(text))

    monkeypatch.setattr(stages, "publish_text", watch)
    return written


@pytest.mark.parametrize("kind", ["ae", "cvae"])
def test_a_run_can_be_watched_from_its_beginning_to_its_end(
    begin, progress, few_digits, caplog, kind
):
    caplog.set_level(logging.INFO)
    run = begin(kind)
    run.train_and_evaluate(None, StopRequest())
    found = check_results(run.paths)
    with open_results(run.paths, found) as results:
        names = ("train/loss", "val/loss", "val/sse", "epoch_seconds")
        train, val, sse, seconds = (results.array(f"history/{name}").tolist() for name in names)
        kl = results.array("history/val/kl") if kind == "cvae" else np.zeros(2)
    phases = [(step["phase"], step["epoch"]) for step in progress]
    training = [("training", epoch) for epoch in (0, 1, 2)]
    assert phases == [*training, ("evaluating", 2), ("done", 2)]
    for step in progress:
        assert re.fullmatch(UTC, step.pop("beat"))
        assert step.pop("epochs") == 2
        epoch, _ = step.pop("epoch"), step.pop("phase")
        assert step == {
            "train_loss": train[epoch - 1] if epoch else None,
            "val_loss": val[epoch - 1] if epoch else None,
            "images_per_second": len(few_digits.train.images) / seconds[epoch - 1]
            if epoch
            else None,
            "seconds_per_epoch": seconds[epoch - 1] if epoch else None,
        }
    run_id = run.config.run_id
    lines = [record.getMessage() for record in caplog.records]
    assert lines == [
        f"{run_id} on cpu, from epoch 0 of 2",
        *(
            f"epoch {n + 1}: train {train[n]:.3f}, val {val[n]:.3f} "
            f"(SSE {sse[n]:.3f}, KL {kl[n]:.3f}), {seconds[n]:.2f} s"
            for n in (0, 1)
        ),
        f"{run_id} is done",
    ]


def test_results_name_the_data_the_code_and_the_time_that_they_took(begin):
    run = begin()
    run.train_and_evaluate(None, StopRequest())
    found = check_results(run.paths)
    assert found.dataset_sha256 == file_sha256(run.sweep.dataset)
    process = describe_process(run.attempt.record, CPU)
    assert found.provenance.items() >= process.items()
    assert found.provenance["attempt"] == 1
    with open_results(run.paths, found) as results:
        trained_s = results.array("history/epoch_seconds").sum()
    assert found.provenance["training_seconds"] == pytest.approx(trained_s, abs=1e-3)
    assert trained_s - 1e-3 <= found.provenance["wall_seconds"] < trained_s + 60
    with h5py.File(run.paths.evaluation) as file:
        assert json.loads(file.attrs["provenance"]) == process


def test_a_run_that_is_told_to_stop_does_so_after_the_epoch_and_is_resumed(begin, progress, caplog):
    caplog.set_level(logging.INFO)
    stop = StopRequest()
    stop.signal = signal.SIGUSR2
    run = begin(epochs=3)
    with pytest.raises(Interrupted, match=r"^SIGUSR2 after epoch 1$"):
        run.train_and_evaluate(None, stop)
    assert run.paths.checkpoints() == [run.paths.checkpoint(1)]
    assert [step["epoch"] for step in progress] == [0, 1]
    orphan = run.paths.root / ".trained.h5.0badf00d.tmp"
    orphan.touch()  # of a process that was killed
    run.attempt.finish("interrupted")
    caplog.clear()
    run = begin(epochs=3)
    run.train_and_evaluate(None, StopRequest())
    assert caplog.messages[0].endswith(" on cpu, from epoch 1 of 3")
    assert [step["epoch"] for step in progress[2:]] == [1, 2, 3, 3, 3]
    assert not orphan.exists()
    assert run.paths.checkpoints() == []
    check_results(run.paths)


def test_a_signal_that_comes_after_the_decision_to_save_loses_no_epoch(begin, monkeypatch):
    stop, publish = StopRequest(), stages.publish_text

    def interrupt(path, text, *, durable):
        publish(path, text, durable=durable)
        if json.loads(text)["epoch"] == 1:  # which is not due to be saved
            stop.signal = signal.SIGTERM

    monkeypatch.setattr(stages, "publish_text", interrupt)
    run = begin(epochs=3)
    with pytest.raises(Interrupted, match=r"^SIGTERM after epoch 2$"):
        run.train_and_evaluate(None, stop)
    assert run.paths.checkpoints() == [run.paths.checkpoint(2)]


def test_a_run_that_is_told_to_stop_in_its_last_epoch_is_finished(begin):
    stop = StopRequest()
    stop.signal = signal.SIGTERM
    run = begin(epochs=1)
    run.train_and_evaluate(None, stop)
    check_results(run.paths)


@pytest.mark.parametrize(("seconds", "saved"), [(0, [1, 2, 3, 4, 5]), (6, [3, 5]), (7, [4, 5])])
def test_checkpoints_are_saved_no_more_often_than_asked_and_at_the_end(
    begin, monkeypatch, seconds, saved
):
    now, epochs, save = [0.0], [], stages.save_checkpoint
    monkeypatch.setattr(stages.time, "monotonic", lambda: now[0])
    train = stages.train

    def train_slowly(*arguments):
        for epoch in train(*arguments):
            now[0] += 2  # seconds of an epoch
            yield epoch

    def watch(paths, config, state):
        epochs.append(state.epoch)
        save(paths, config, state)
        now[0] += 0.5

    monkeypatch.setattr(stages, "train", train_slowly)
    monkeypatch.setattr(stages, "save_checkpoint", watch)
    run = begin("ae", epochs=5, checkpoint_seconds=seconds)
    run.train_and_evaluate(None, StopRequest())
    assert epochs == saved


@pytest.mark.parametrize("last", [1, 2])
def test_an_attempt_that_was_overtaken_publishes_nothing_more(begin, monkeypatch, last):
    run = begin()
    collect, train = stages.collect_provenance, stages.train

    def be_overtaken():
        run.paths.attempt(2).root.mkdir()

    def train_until(*arguments):
        for epoch in train(*arguments):
            if epoch == last == 1:
                be_overtaken()
            yield epoch

    def collect_late(*arguments, **options):
        be_overtaken()
        return collect(*arguments, **options)

    monkeypatch.setattr(stages, "train", train_until)
    monkeypatch.setattr(stages, "collect_provenance", collect_late)
    with pytest.raises(Interrupted, match=r"^attempt 2 has taken over from 1$"):
        run.train_and_evaluate(None, StopRequest())
    assert not run.paths.trained.exists()
    assert bool(run.paths.checkpoints()) == (last == 2)


def test_a_run_that_is_trained_is_only_evaluated(begin, caplog):
    run = begin()
    run.train_and_evaluate(None, StopRequest())
    content = run.paths.trained.read_bytes(), run.paths.evaluation.read_bytes()
    run.paths.checkpoint(1).touch()  # of a process that was killed before it removed it
    caplog.set_level(logging.INFO)
    run.train_and_evaluate(check_training(run.paths.trained), StopRequest())
    assert caplog.messages == [f"{run.config.run_id} is done"]
    assert run.paths.checkpoints() == []
    assert (run.paths.trained.read_bytes(), run.paths.evaluation.read_bytes()) == content


@pytest.mark.parametrize(("threads", "expected"), [(3, 3), (0, 5)])
def test_a_run_uses_the_threads_that_it_was_given(begin, monkeypatch, threads, expected):
    used = []
    monkeypatch.setattr(torch, "set_num_threads", used.append)
    monkeypatch.setattr(stages, "granted_threads", lambda: 5)
    begin("ae", 1, threads=threads).train_and_evaluate(None, StopRequest())
    assert used == [expected]


def test_a_run_takes_denormal_numbers_as_zero_until_it_ends(begin, monkeypatch):
    if not torch.set_flush_denormal(False):
        pytest.skip("this CPU always computes with denormal numbers")
    seen, train = [], stages.train

    def halve():
        return (torch.tensor(1e-38) / 2).item()

    def watch(*arguments):
        seen.append(halve())
        return train(*arguments)

    monkeypatch.setattr(stages, "train", watch)
    begin("ae", 1).train_and_evaluate(None, StopRequest())
    assert seen == [0]
    assert halve() > 0


def test_images_are_read_where_the_settings_say(begin, weird, few_digits, monkeypatch):
    asked = []

    def load(config, folder):
        asked.append((config, folder))
        return few_digits

    monkeypatch.setattr(stages, "load_dataset", load)
    evaluate, folders = stages.evaluate, []

    def watch(*arguments):
        folders.append(arguments[-1])
        return evaluate(*arguments)

    monkeypatch.setattr(stages, "evaluate", watch)
    run = begin("ae", 1, data_dir=weird / "data")
    run.train_and_evaluate(None, StopRequest())
    assert asked == [(run.config.data, weird / "data")]
    assert folders == [weird / "data"]


def test_results_too_large_to_be_stored_are_refused_before_an_epoch(begin, monkeypatch):
    run = begin()
    monkeypatch.setattr("aevae.files.hdf5.MAX_DATASET_BYTES", 100)
    with pytest.raises(RunFailed) as caught:
        run.train_and_evaluate(None, StopRequest())
    assert caught.value.reason == "too_large"
    assert re.fullmatch(
        r"too_large: train/mu: shape .* is larger than 100 bytes", str(caught.value)
    )
    assert not run.paths.progress.exists()


@pytest.mark.parametrize("change", ["source", "split"])
def test_a_sweep_of_other_images_is_refused(begin, few_digits, change):
    run = begin("ae", 1)
    few_digits.write(run.sweep.dataset)
    with h5py.File(run.sweep.dataset, "r+") as file:
        if change == "source":
            file.attrs["sha256"] = "{}"
        else:
            file["val/index"][0] += 1
    expected = f"{run.sweep.dataset} was made from other data than the split of digits"
    with pytest.raises(InputError, match=f"^{re.escape(expected)}$"):
        run.train_and_evaluate(None, StopRequest())


def see(monkeypatch, cuda, mps, problem=None):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    monkeypatch.setattr(stages, "gpu_problem", lambda: problem)


@pytest.mark.parametrize(
    ("name", "cuda", "mps", "device"),
    [
        ("auto", True, True, "cuda"),
        ("auto", False, True, "cpu"),
        ("cpu", True, True, "cpu"),
        ("cuda", True, False, "cuda"),
        ("mps", False, True, "mps"),
        ("mps", True, False, None),
        ("cuda", False, True, None),
    ],
)
def test_the_device_is_the_one_asked_for_or_none(monkeypatch, name, cuda, mps, device):
    see(monkeypatch, cuda, mps)
    if device is not None:
        assert choose_device(name) == torch.device(device)
        return
    with pytest.raises(RunFailed) as caught:
        choose_device(name)
    expected = f"no_device: device {name!r} was asked for, but torch sees none"
    assert (caught.value.reason, str(caught.value)) == ("no_device", expected)


def test_a_device_that_is_not_there_is_said_before_any_work(begin, monkeypatch):
    see(monkeypatch, cuda=False, mps=False)
    run = begin(device="mps")
    with pytest.raises(RunFailed, match="no_device: device 'mps' was asked for"):
        run.train_and_evaluate(None, StopRequest())
    assert not run.paths.progress.exists()


def test_a_gpu_that_torch_cannot_use_is_refused_with_the_reason(monkeypatch):
    see(monkeypatch, cuda=True, mps=False, problem="no kernels")
    assert choose_device("cpu") == CPU
    with pytest.raises(RunFailed) as caught:
        choose_device("auto")
    assert (caught.value.reason, str(caught.value)) == ("no_device", "no_device: no kernels")
