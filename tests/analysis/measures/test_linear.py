from aevae.config import DataConfig
from analysis.measures import linear
from analysis.measures.aggregate import find_aggregate
from analysis.measures.linear import linear_aggregate
from analysis.measures.study import Study
from analysis.sweep.load import open_sweep


def test_pca_has_a_draw_for_each_draw_of_a_run_that_was_trained_on_some_images(
    build_sweep, make_config, tmp_path
):
    data = DataConfig(train_images=12)
    study = Study(open_sweep(build_sweep(tmp_path / "s", [make_config("vae", 2, data=data)])))
    (run,) = study.sweep.runs
    ours, linear = find_aggregate(study, run), linear_aggregate(study, run)
    assert linear.count == ours.count == 12
    assert linear.divergence.shape == ours.divergence.shape == (12,)


def test_a_single_component_has_a_gaussian_for_each_class_too(complete, monkeypatch):
    monkeypatch.setattr(linear, "_look", lambda study, drawn: drawn)
    drawn = linear.see_linear_by_class(Study(complete), 1)
    assert drawn.shape[1] == 1
    assert 0 < drawn.std() < 100
