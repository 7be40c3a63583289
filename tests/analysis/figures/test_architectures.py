import pytest

from analysis.figures import architectures
from analysis.measures.study import Study
from analysis.sweep.load import open_sweep


def written(axes):
    """Texts by their place, from left to right."""
    texts = sorted(axes.texts, key=lambda text: text.get_position()[0])
    return [text.get_text() for text in texts]


def test_bars_are_named_with_the_stored_sizes(study):
    figure = architectures.draw(architectures.FIGURE.gathered(study))
    sizes = [[text for text in written(axes) if text[:1].isdigit()] for axes in figure.axes]
    assert sizes == [
        ["784", "8", "6", "20", "6", "8", "784"],
        ["784", "8", "6", "20", "6", "8", "784"],
        ["784 + 10", "8", "6", "20 + 10", "6", "8", "784"],
    ]


def test_only_variational_models_have_a_posterior_and_only_the_cvae_a_label(study):
    figure = architectures.draw(architectures.FIGURE.gathered(study))
    ae, vae, cvae = (written(axes) for axes in figure.axes)
    for texts, stochastic, told in ((ae, False, False), (vae, True, False), (cvae, True, True)):
        assert ("$\\mu$: 20" in texts) == stochastic
        assert ("$\\log\\,\\sigma^2$: 20" in texts) == stochastic
        assert ("$\\varepsilon$" in texts) == stochastic
        assert texts.count("$y$") == 2 * told


def test_parameters_are_counted(study, stored):
    caption = architectures.caption(architectures.FIGURE.gathered(study))
    with stored("cvae-z020") as file:
        count = sum(weight.size for weight in file["weights"].values())
    assert f"{count:,} (CVAE)" in caption


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({}, r"loss: $\|x - \hat{x}\|^2$ + KL$("),
        ({"kl_weight": 4.0}, r"loss: $\|x - \hat{x}\|^2$ + 4 KL$("),
        ({"likelihood": "bernoulli"}, r"loss: $\mathrm{BCE}(x, \hat{x})$ + KL$("),
        ({"activation": "gelu"}, "GELU"),
    ],
)
def test_loss_and_activation_are_those_of_the_run(
    build_sweep, make_config, tmp_path, settings, text
):
    sweep = open_sweep(build_sweep(tmp_path / "s", [make_config("vae", 5, **settings)]))
    (axes,) = architectures.draw(architectures.FIGURE.gathered(Study(sweep))).axes
    assert any(found.startswith(text) for found in written(axes))
