"""A trained model on arrays: the same with NumPy and with torch, and bad input is one line."""

import subprocess
import sys

import numpy as np
import pytest

import aevae
from aevae.kinds import KINDS

LABELS = {"cvae": [0, 1, 2, 0, 1, 2, 0]}


@pytest.mark.parametrize("kind", KINDS)
def test_numpy_and_torch_give_the_same(add_run, weird, images, kind):
    add_run(kind)
    plain, torch = (aevae.load(weird, kind, backend=name) for name in ("numpy", "torch"))
    labels = LABELS.get(kind)
    for one, other in zip(plain.encode(images, labels), torch.encode(images, labels), strict=True):
        assert (one is None) == (other is None) == (one is None and kind == "ae")
        assert one is None or np.abs(one - other).max() < 1e-5
    assert np.abs(plain.decode(np.eye(3), "7" if labels else None)
                  - torch.decode(np.eye(3), 2 if labels else None)).max() < 1e-5  # fmt: skip
    assert np.abs(plain.generate(10).images - torch.generate(10).images).max() < 1e-5
    assert plain.score(images, labels).loss == pytest.approx(
        torch.score(images, labels).loss, rel=1e-5, abs=1e-4
    )


def test_numpy_is_enough(add_run, weird):
    """A program on a machine without torch generates images, and the import alone is quick."""
    add_run()
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "import aevae; assert 'numpy' not in sys.modules and 'pydantic' not in sys.modules\n"
        f"print(aevae.load({str(weird)!r}, backend='auto').generate(3).images.shape)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("(3, 5, 4)\n", "")


def test_any_number_of_images_is_processed_in_batches(add_run, weird, monkeypatch, images):
    add_run("cvae")
    model = aevae.load(weird)
    labels = LABELS["cvae"]
    whole = (*model.encode(images, labels), *model.score(images, labels),
             *model.reconstruct(images, labels), *model.generate(7, seed=3))  # fmt: skip
    monkeypatch.setattr("aevae.use.model.BATCH", 3)
    parts = (*model.encode(images, labels), *model.score(images, labels),
             *model.reconstruct(images, labels), *model.generate(7, seed=3))  # fmt: skip
    for one, other in zip(whole, parts, strict=True):
        assert one == pytest.approx(other, abs=1e-5)
    assert model.encode(images[:0], []).mu.shape == (0, 3)


def test_generated_images_follow_the_seed_and_the_class(add_run, weird):
    add_run("cvae")
    model = aevae.load(weird)
    spread = model.generate(7, seed=1)
    assert spread.labels.tolist() == [0, 0, 0, 1, 1, 2, 2]
    assert np.array_equal(spread.images, model.generate(7, seed=1).images)
    assert not np.array_equal(spread.images, model.generate(7, seed=2).images)
    assert np.array_equal(spread.images, model.decode(spread.z, spread.labels))
    assert model.generate(2, "long").labels.tolist() == [1, 1]


@pytest.mark.parametrize("sampler", ["diagonal", "mixture", "mixture_of_means"])
def test_fitted_samplers_draw_latents_like_those_of_the_training_images(
    add_run, add_dataset, weird, sampler
):
    """The codes of the small sweep are uniform in [0, 1], those of one class are 5 larger."""
    add_dataset()
    run = add_run("cvae")
    model = aevae.load(weird)
    with model.run.results() as results:
        stored = results.array("train/mu")
    z = model.generate(300, "long", sampler=sampler).z
    others = model.generate(300, "round", sampler=sampler).z
    assert run.evaluation.exists()
    assert (z.mean() - others.mean() > 4) == (sampler == "mixture")
    if sampler == "mixture_of_means":
        assert z.mean() == pytest.approx(stored.mean(), abs=0.5)


def test_a_mixture_for_results_of_an_older_release_is_refused_with_advice(schema_1):
    model = aevae.load(schema_1, "vae-z005")
    assert model.generate(3, sampler="mixture_of_means").z.shape == (3, 5)
    assert aevae.load(schema_1, "ae-z005").generate(3, sampler="mixture").z.shape == (3, 5)
    with pytest.raises(aevae.InputError, match=r"aevae evaluate .* --again"):
        model.generate(3, sampler="mixture")


def test_floats_and_uint8_are_the_same_images(add_run, weird, images):
    add_run("ae")
    model = aevae.load(weird)
    assert model.encode(images).mu == pytest.approx(model.encode(images / 255).mu, abs=1e-6)
    assert np.array_equal(model.reconstruct(images).images, model.decode(model.encode(images).mu))


def test_a_line_goes_from_one_image_to_the_other(add_run, weird, images):
    add_run("cvae")
    model = aevae.load(weird)
    line = model.interpolate(images[0], images[1], 5, ["round", "7"])
    ends = model.reconstruct(images[:2], ["round", "7"]).images
    assert line.shape == (5, 5, 4)
    assert line[[0, -1]] == pytest.approx(ends, abs=1e-6)
    middle = model.encode(images[:2], [0, 2]).mu.mean(axis=0, keepdims=True)
    assert line[2] != pytest.approx(model.decode(middle, "round")[0], abs=1e-4)


def test_a_binarised_model_sees_binary_images(add_run, weird, images):
    add_run(likelihood="bernoulli", dynamic_binarisation=True)
    model = aevae.load(weird)
    binary = (images > 127) * 1.0
    half = np.full((7, 5, 4), 0.5)
    assert not np.array_equal(model.encode(half).mu[0], model.encode(half).mu[1])
    assert np.array_equal(model.encode(half).mu, model.encode(half).mu)
    assert np.array_equal(model.encode(binary).mu[0], model.encode(binary[:1]).mu[0])


def test_scores_compare_an_image_with_the_validation_images(add_run, weird, images):
    """The conformal rule is checked with validation images of the losses 1 to 99."""
    add_run("ae")
    model = aevae.load(weird)
    scores = model.score(images, false_positive_rate=0.05)
    squares = np.square(model.reconstruct(images).images - images / 255).sum(axis=(1, 2))
    assert scores.sse == pytest.approx(squares, rel=1e-5)
    assert scores.kl.tolist() == [0] * 7
    found = model._calibration.scores(
        np.array([0.5, 50, 94.5, 95, 95.5, 1000], "f4"), np.zeros(6, "f4"), 0.05
    )
    assert found.percentile == pytest.approx(100 * np.array([0, 49, 94, 94, 95, 99]) / 99)
    # With 99 validation images, the p-value of the loss 95 is (1 + 5) / 100, that of 95.5 0.05.
    assert found.flagged.tolist() == [False, False, False, False, True, True]


def test_the_loss_of_a_learnt_variance_weighs_the_errors(add_run, weird, images):
    add_run("sigma-vae")
    scores = aevae.load(weird).score(images)
    expected = scores.sse / (2 * 0.04) + 10 * np.log(0.08) + scores.kl
    assert scores.loss == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("kind", "call", "message"),
    [
        ("vae", lambda m: m.encode(np.zeros((2, 4, 5))), "the model takes (N, 5, 4)"),
        ("vae", lambda m: m.encode([[[0.5]], [[0.5, 0.5]]]), "images are no array"),
        ("vae", lambda m: m.interpolate(np.zeros((5, 4)), np.zeros((4, 5))), "takes (N, 5, 4)"),
        ("vae", lambda m: m.encode(np.zeros((2, 5, 4), int)), "type int64"),
        ("vae", lambda m: m.encode(np.full((2, 5, 4), 1.5)), "from 1.5 to 1.5"),
        ("vae", lambda m: m.encode(np.full((2, 5, 4), np.nan)), "floats must be from 0 to 1"),
        ("vae", lambda m: m.decode(np.zeros((2, 4))), "the model takes (N, 3)"),
        ("vae", lambda m: m.decode([[np.inf] * 3]), "not finite"),
        ("ae", lambda m: m.generate(3, "7"), "the AE takes no class"),
        ("cvae", lambda m: m.decode(np.zeros((2, 3))), "needs the class of each image"),
        ("cvae", lambda m: m.generate(3, 3), "knows no class 3; valid are round, long, 7"),
        ("cvae", lambda m: m.generate(3, "oval"), "knows no class 'oval'"),
        ("cvae", lambda m: m.generate(3, True), "knows no class True"),
        ("ae", lambda m: aevae.load(m.run.paths.sweep.root, 2), "run must be text, such as"),
        ("cvae", lambda m: m.decode(np.zeros((2, 3)), [1]), "there are 2 images"),
        ("cvae", lambda m: m.decode(np.zeros((2, 3)), [1.0, 2.0]), "labels have the type"),
        ("vae", lambda m: m.generate(0), "at least 1, got 0"),
        ("vae", lambda m: m.generate(5.0), "count must be a whole number, got 5.0"),
        ("vae", lambda m: m.generate(3, seed=None), "seed must be a whole number, got None"),
        ("vae", lambda m: m.score(np.zeros((1, 5, 4)), false_positive_rate="x"), "be a number"),
        ("vae", lambda m: m.generate(3, sampler="best"), "got 'best'"),
        ("vae", lambda m: m.score(np.zeros((1, 5, 4)), false_positive_rate=0.001), "at least 0.01"),
    ],
)
def test_bad_input_is_one_line(add_run, weird, kind, call, message):
    add_run(kind)
    with pytest.raises(aevae.InputError) as caught:
        call(aevae.load(weird))
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_what_loads_is_named_by_id_beginning_pattern_or_loss(add_run, weird):
    first, second = add_run(loss=2.0), add_run(loss=1.0, seed=1)
    assert aevae.load(weird, first.run_id).run_id == first.run_id
    assert aevae.load(weird, "vae-z003-s1").run_id == second.run_id
    assert aevae.load(weird, "*-s0-*").run_id == first.run_id
    assert aevae.load(weird, best=True).run_id == second.run_id
    second.trained.unlink()
    assert aevae.load(weird, best=True).run_id == first.run_id
    for run, message in {
        "": "2 runs",
        "cvae": "matches 'cvae'",
        "vae-z003-s1": "is not done",
    }.items():
        with pytest.raises(aevae.InputError, match=message):
            aevae.load(weird, run)
    add_run("ae")
    with pytest.raises(aevae.InputError, match=r"kind differs \(ae, vae\)"):
        aevae.load(weird, best=True)


def test_files_that_are_no_results_are_named(add_run, weird):
    run = add_run(evaluated=False)
    model = aevae.load(weird)
    with pytest.raises(aevae.InputError, match=r"not done: it has no evaluation\.h5"):
        model.score(np.zeros((1, 5, 4)))
    run.trained.write_text("no HDF5")
    for folder, message in {
        weird: r"trained\.h5: not a readable HDF5",
        weird / "no": "folder",
    }.items():
        with pytest.raises(aevae.InputError, match=message):
            aevae.load(folder)


@pytest.mark.parametrize("kind", ["ae", "vae", "cvae"])
def test_the_files_of_the_first_release_load(schema_1, kind):
    model = aevae.load(schema_1, f"{kind}-z005")
    images = np.zeros((2, 28, 28), np.uint8)
    assert model.score(images, [1, 2] if kind == "cvae" else None).percentile.max() <= 100
    assert model.generate(3).images.shape == (3, 28, 28)
