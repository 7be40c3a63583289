"""On a GPU, a training by replayed graphs must be the training that the plain steps give."""

import pytest
import torch

from aevae.config import RunConfig
from aevae.data.sources import load_dataset
from aevae.files.layout import SweepPaths
from aevae.training import loop
from aevae.training.checkpoint import load_newest, save_checkpoint
from aevae.training.loop import DeviceImages, TrainState, train
from aevae.training.precision import FLOAT32, Precision

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
CUDA = torch.device("cuda")
FORMATS = ("float32", "tf32", "bfloat16", "float16")


@pytest.fixture
def images(tiny_config, weird):
    """The training and the validation images of the digits, on the GPU."""
    dataset = load_dataset(tiny_config().data, weird)
    return [DeviceImages.of(split, 10, CUDA) for split in (dataset.train, dataset.val)]


def trained(config: RunConfig, images, precision=FLOAT32) -> TrainState:
    state = TrainState.new(config, CUDA, precision)
    list(train(config, state, *images))
    return state


def weights(state):
    return torch.cat([value.flatten() for value in state.model.state_dict().values()])


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("kind", ["ae", "vae", "cvae", "sigma-vae"])
def test_a_graph_trains_as_the_plain_steps_do(tiny_config, images, monkeypatch, kind, format_):
    # The learning rate and the weight of the KL term change, and the last batch is smaller.
    warmup = {} if kind == "ae" else {"kl_warmup_epochs": 3}
    config = tiny_config(kind, epochs=3, **warmup)
    schedule = config.train.model_copy(update={"schedule": "one-cycle"})
    config = config.model_copy(update={"train": schedule})
    graphed = trained(config, images, Precision(format_))
    monkeypatch.setattr(loop, "has_graphs", lambda _: False)
    plain = trained(config, images, Precision(format_))
    assert graphed.history["train/loss"] == pytest.approx(plain.history["train/loss"], rel=1e-4)
    assert graphed.history["val/loss"] == pytest.approx(plain.history["val/loss"], rel=1e-4)
    assert torch.allclose(weights(graphed), weights(plain), atol=1e-4)


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("kind", ["ae", "cvae", "sigma-vae"])
def test_a_resumed_training_is_the_same_bit_for_bit(
    tiny_config, images, weird, plan, kind, format_
):
    config = tiny_config(kind, epochs=4)
    paths = plan(SweepPaths(weird / "sweep"), config)
    undisturbed = TrainState.new(config, CUDA, Precision(format_))
    for epoch in train(config, undisturbed, *images):
        if epoch == 2:
            save_checkpoint(paths, config, undisturbed)
    resumed = load_newest(paths, config, CUDA)
    assert resumed.precision == Precision(format_)
    list(train(config, resumed, *images))
    assert torch.equal(weights(resumed), weights(undisturbed))
    assert resumed.scaler.state_dict() == undisturbed.scaler.state_dict()


def test_a_run_begun_on_a_gpu_goes_on_without_one(tiny_config, images, weird, plan):
    config = tiny_config(epochs=2)
    paths = plan(SweepPaths(weird / "sweep"), config)
    state = TrainState.new(config, CUDA)
    next(train(config, state, *images))
    save_checkpoint(paths, config, state)
    cpu = torch.device("cpu")
    resumed = load_newest(paths, config, cpu)
    on_cpu = [DeviceImages(data.images.cpu(), data.labels.cpu(), 10) for data in images]
    list(train(config, resumed, *on_cpu))
    assert resumed.history["train/loss"][1] < resumed.history["train/loss"][0]


def test_fewer_images_than_a_batch_are_trained_on(tiny_config, images):
    config = tiny_config(epochs=2)
    few = DeviceImages(images[0].images[:100], images[0].labels[:100], 10)
    state = trained(config, [few, images[1]])
    assert state.history["train/loss"][1] < state.history["train/loss"][0]
