"""What is on the axes of the figures of numbers: PCA, choice, latent spaces, outliers."""

import h5py
import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex
from scipy.integrate import trapezoid
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score

from aevae.config import EvaluationConfig
from analysis.figures import anomaly, by_digit, latent_diagnostics, selection
from analysis.measures import pca
from analysis.measures.study import Study
from analysis.sweep.load import MissingIngredient, open_sweep
from analysis.tables import latent_size_choice


def titled(figure, title):
    (axes,) = (axes for axes in figure.axes if axes.get_title() == title)
    return axes


def test_pca_of_equal_dimension_stands_in_every_panel(study):
    figure = by_digit.draw(by_digit.FIGURE.gathered(study))
    errors = pca.pca_errors(study)
    expected = [errors["test", d].mean() for d in (2, 20)]
    for title in ("AE", "VAE", "CVAE"):
        assert titled(figure, title).lines[-1].get_ydata() == pytest.approx(expected)
    bars = {container.get_label(): container for container in titled(figure, "PCA").containers}
    assert bars["all"].lines[0].get_ydata() == pytest.approx(expected)


# --- choice of the latent size --------------------------------------------------------------------


def test_choice_of_the_latent_size_is_ringed(study, stored):
    data = selection.FIGURE.gathered(study)
    figure = selection.draw(data)
    sse, excess, loss, _ = figure.axes
    assert (sse.get_title(), loss.get_title()) == (
        "Reconstruction: SSE", "Negative ELBO: SSE + KL",
    )  # fmt: skip
    assert (sse.get_xscale(), sse.get_yscale(), loss.get_xscale()) == ("log", "log", "log")
    lines = {container.get_label(): container.lines[0] for container in sse.containers}
    assert list(lines) == ["AE", "VAE", "CVAE", "PCA"]
    with stored("vae-z002") as two, stored("vae-z020") as twenty:
        expected = [file["val/sse_at_sample"][()].astype(float).mean() for file in (two, twenty)]
    assert list(lines["VAE"].get_xdata()) == [2, 20]
    assert lines["VAE"].get_ydata() == pytest.approx(expected)
    rings = [
        points.get_offsets()[0] for points in sse.collections if isinstance(points, PathCollection)
    ]
    chosen = data.table.query("chosen and criterion == 'SSE'")
    assert np.array(rings) == pytest.approx(chosen[["latent_size", "error"]].to_numpy())
    assert [container.get_label() for container in loss.containers] == ["VAE", "CVAE"]
    with stored("vae-z002") as two, stored("vae-z020") as twenty:
        small, large = (file["val/sse_at_sample"][()].astype(float) for file in (two, twenty))
    worse, best = sorted([small, large], key=np.mean, reverse=True)
    unit = best.std(ddof=1) / np.sqrt(len(best))
    (vae,) = (bars for bars in excess.containers if to_hex(bars.lines[0].get_color()) == "#0072b2")
    assert max(vae.lines[0].get_ydata()) == pytest.approx((worse - best).mean() / unit)
    ends = np.ptp([segment[:, 1] for segment in vae.lines[2][0].get_segments()], axis=1)
    paired = (worse - best).std(ddof=1) / np.sqrt(len(best))
    assert sorted(ends) == pytest.approx([0, 2 * 1.96 * paired / unit])
    (rule,) = figure.legends[1].get_texts()
    assert rule.get_text() == f"chosen: {latent_size_choice.RULE}"
    assert latent_size_choice.RULE in selection.caption(data)


# --- latent diagnostics ---------------------------------------------------------------------------


def test_parts_of_the_kl_reach_from_the_lower_to_the_upper_end(study):
    data = latent_diagnostics.FIGURE.gathered(study)
    axes = titled(latent_diagnostics.draw(data), "Parts of the KL")
    runs = data.per_run.dropna(subset="kl")
    bars = {container.get_label(): container for container in axes.containers}
    names = {"I(x; z)": "mutual_information", "total correlation": "total_correlation",
             "I(z; digit)": "class_information"}  # fmt: skip
    for label, name in names.items():
        (lines,) = bars[label].lines[2]
        ends = [segment[:, 1] for segment in lines.get_segments()]
        assert np.array(ends) == pytest.approx(runs[[f"{name}_low", f"{name}_high"]].to_numpy())
    kl, bound = axes.lines[-2:]
    assert list(kl.get_ydata()) == pytest.approx(list(runs["kl"]))
    assert set(bound.get_ydata()) == {np.log(60)}
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["2", "20", "2", "20"]
    assert "log N = 4.09" in latent_diagnostics.caption(data)


def test_dimensions_are_drawn_by_descending_kl(study, stored):
    figure = latent_diagnostics.draw(latent_diagnostics.FIGURE.gathered(study))
    lines = {line.get_label(): line for line in titled(figure, "VAE: KL by dimension").lines}
    with stored("vae-z020") as file:
        mu, logvar = (file[f"test/{name}"][()].astype(float) for name in ("mu", "logvar"))
    kl = (0.5 * (np.exp(logvar) + mu**2 - 1 - logvar)).mean(axis=0)
    assert lines["d = 20"].get_ydata() == pytest.approx(np.sort(kl)[::-1])
    assert list(lines["d = 20"].get_xdata()) == list(range(1, 21))


def test_units_in_use_and_variances_of_every_dimension_are_shown(study):
    data = latent_diagnostics.FIGURE.gathered(study)
    figure = latent_diagnostics.draw(data)
    lines = {line.get_label(): line for line in titled(figure, "Active units").lines}
    assert list(lines) == [
        "all d", "AE", "VAE", "_VAE, informative", "CVAE", "_CVAE, informative"
    ]  # fmt: skip
    assert list(lines["CVAE"].get_ydata()) == [2, 20]
    points = titled(figure, "Aggregate posterior").collections
    drawn = [float(y) for group in points for y in group.get_offsets()[:, 1]]
    assert drawn == pytest.approx(list(data.per_dimension["variance"]))


def test_groups_of_other_latent_sizes_share_the_figure(build_sweep, make_config, tmp_path):
    configs = [make_config("ae", 2, latent_activation="relu"), make_config("vae", 5)]
    data = latent_diagnostics.FIGURE.gathered(
        Study(open_sweep(build_sweep(tmp_path / "s", configs)))
    )
    figure = latent_diagnostics.draw(data)
    lines = {line.get_label(): line for line in titled(figure, "VAE: KL by dimension").lines}
    assert list(lines) == ["d = 5", "0.1 nats"]


def test_autoencoders_alone_have_no_kl_to_draw(build_sweep, make_config, tmp_path):
    sweep = open_sweep(build_sweep(tmp_path / "s", [make_config("ae", 2)]))
    data = latent_diagnostics.FIGURE.gathered(Study(sweep))
    titles = [axes.get_title() for axes in latent_diagnostics.draw(data).axes]
    assert titles == ["Active units", "Aggregate posterior"]
    assert "KL" not in latent_diagnostics.caption(data)


# --- anomaly detection ----------------------------------------------------------------------------


def test_roc_curves_belong_to_their_areas(study):
    data = anomaly.FIGURE.gathered(study)
    figure = anomaly.draw(data)
    roc, areas = figure.axes[:2], figure.axes[2:]
    assert [axes.get_title() for axes in roc] == ["inverted", "noise"]
    table = data.table.set_index(["outliers", "model", "score", "latent_size"])["auroc"]
    for name, upper, lower in zip(("inverted", "noise"), roc, areas, strict=True):
        curves = {line.get_label(): line for line in upper.lines[1:]}
        assert len(curves) == 1 + 3 + 3 + 2
        curve = curves["CVAE SSE + KL"]
        assert upper.get_xscale() == "log"
        assert curve.get_xdata()[0] == 0.01  # of one test image; what lies below adds no area
        area = trapezoid(curve.get_ydata(), curve.get_xdata())
        assert area == pytest.approx(table[name, "cvae", "SSE + KL", 20], abs=0.01)
        below = {line.get_label(): line for line in lower.lines[1:]}
        assert list(below["VAE KL"].get_xdata()) == [2, 20]
        expected = [table[name, "vae", "KL", d] for d in (2, 20)]
        assert below["VAE KL"].get_ydata() == pytest.approx(expected)
    assert "inverted (100) and noise (100)" in anomaly.caption(data)


def test_outliers_are_told_apart_without_a_model_too(study, complete_dir):
    """PCA by another solver, and the intensity of inverted images, made here once more."""
    with h5py.File(complete_dir / "dataset.h5") as file:
        train, test = (file[f"{split}/image"][()].reshape(-1, 784) / 255
                       for split in ("train", "test"))  # fmt: skip
    pca = PCA(20, svd_solver="full").fit(train)
    errors = [np.square(rows - pca.inverse_transform(pca.transform(rows))).sum(axis=1)
              for rows in (test, 1 - test)]  # fmt: skip
    areas = anomaly.FIGURE.gathered(study).naive["inverted"]
    truth = np.repeat([0, 1], 100)
    assert areas.pca[20] == pytest.approx(roc_auc_score(truth, np.concatenate(errors)), abs=1e-3)
    bright = np.concatenate([test.sum(axis=1), 784 - test.sum(axis=1)])
    assert areas.bright == pytest.approx(roc_auc_score(truth, bright))


def test_without_outliers_there_is_nothing_to_detect(build_sweep, make_config, tmp_path):
    bare = EvaluationConfig(samples_per_sampler=30, grid_size=4, outliers=())
    sweep = open_sweep(build_sweep(tmp_path / "s", [make_config("vae", 5)], bare))
    with pytest.raises(MissingIngredient, match="outliers"):
        anomaly.FIGURE.gathered(Study(sweep))
