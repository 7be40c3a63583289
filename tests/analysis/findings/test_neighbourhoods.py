"""Claims about planes, on planes that are made so that the truth is known."""

import numpy as np
import pytest

from analysis.figures import code_map
from analysis.findings import CLAIMS, neighbourhoods, sizes
from analysis.measures import plane_structure
from analysis.measures.plane_structure import Regions
from analysis.sweep.groups import representative
from analysis.tables.registry import compute_table

RULES = {claim.name: claim.rule for claim in CLAIMS}


def regions(dense, sparse):
    """Let five judges recognise about these shares of 25 patches in each of two seeds."""
    rng = np.random.default_rng(0)
    shares = rng.binomial(4, [dense, sparse], (2, 5, 25, 2)) / 4
    return [Regions((900, 3), each) for each in shares]


@pytest.mark.parametrize(
    ("dense", "sparse", "verdict"),
    [(0.2, 0.8, "supported"), (0.8, 0.2, "contradicted"), (0.5, 0.5, "undecided")],
)
def test_the_sparser_region_is_compared_with_the_denser(dense, sparse, verdict):
    effect = neighbourhoods._difference(regions(dense, sparse))
    assert effect.value == pytest.approx(sparse - dense, abs=0.1)
    assert RULES["sparser-is-recognisable"].decide(effect) == verdict


def test_the_regions_are_those_that_the_code_map_shows(study):
    run = representative(study.sweep.runs, "ae", 2)
    boxes = code_map.FIGURE.gathered(study).boxes
    found = plane_structure.regions_of(study, run)
    assert found.codes == (boxes["dense"].count, boxes["sparse"].count)
    assert found.recognised.shape[1:] == (25, 2)


@pytest.mark.parametrize(
    ("stripes", "verdict"),
    [((0, 7, 9, 3, 2, 8), "supported"), ((0, 7, 2, 9, 8, 3), "contradicted")],
)
def test_digits_morph_into_those_that_they_lie_beside(study, stripes, verdict):
    grid = np.repeat(np.tile(stripes, (12, 1)), 2, axis=1)
    seen = np.tile(grid, (2, 3, 1, 1))  # seeds and judges that agree
    seen[0, 0, :2, :2] = 5
    effect = neighbourhoods._borders(study, seen)
    assert RULES["digits-morph"].decide(effect) == verdict
    assert (effect.seeds, effect.judges) == (2, 3)


def test_smooth_maps_with_digits_at_random_places_fail_to_morph(study):
    """The control: as many and as large regions as a map has where 7 and 9, 2 and 8 are one."""
    rng = np.random.default_rng(0)
    pairs = np.array([[7, 9], [2, 8], [0, 6], [1, 4], [3, 5]])
    maps = [pairs[rng.integers(5, size=(12, 6))].reshape(12, 12).repeat(2, axis=0).repeat(2, axis=1)
            for _ in range(3)]  # fmt: skip
    seen = np.repeat(np.stack(maps)[:, None], 3, axis=1)
    rule = RULES["digits-morph"]
    assert rule.decide(neighbourhoods._borders(study, seen)) == "supported"
    shuffled = neighbourhoods._borders_at_random(study, seen)
    assert rule.compare(shuffled) == "contradicted"
    assert shuffled.value == pytest.approx(1, abs=0.25)
    # Of one such map, chance may make more.
    low, high = neighbourhoods._borders_at_random(study, seen[:1]).interval()
    assert high - low > np.ptp(shuffled.interval())


def test_a_style_that_depends_on_z_alike_for_all_labels_is_shared():
    """Half the variance is common at least; with turned planes, none of it, so that these fail."""
    rng = np.random.default_rng(0)
    z1, z2 = np.meshgrid(np.linspace(-2, 2, 12), np.linspace(-2, 2, 12))
    common = np.stack([z1, z2, z1 + z2, z1 - z2], axis=-1)
    planes = common + 0.3 * rng.normal(size=(2, 4, 12, 12, 4)) + np.arange(4)[:, None, None, None]
    rule = RULES["cvae-shares-style"]
    assert rule.decide(neighbourhoods._shared(planes)) == "supported"
    turned = np.stack([plane_structure.turned(styles) for styles in planes])
    assert rule.compare(neighbourhoods._shared(turned)) == "contradicted"
    # A fourth in common is too little to support, and yet no contradiction; the opposite is one.
    some = 0.6 * common + rng.normal(size=planes.shape) * common.std()
    assert rule.decide(neighbourhoods._shared(some)) == "undecided"
    opposite = common * np.array([1, -1, 1, -1])[:, None, None, None]
    opposed = opposite + 0.3 * rng.normal(size=planes.shape)
    assert rule.decide(neighbourhoods._shared(opposed)) == "contradicted"


def test_equal_planes_of_all_labels_share_their_style_in_the_table(study):
    """The grids of the made-up sweep are the same for every label."""
    table = compute_table(study, "plane_structure")
    styles = table[table["measure"] == "shared style"].dropna(subset="value")
    assert set(styles["model"]) == {"cvae"}
    assert styles["value"].to_numpy() == pytest.approx(1)
    squares = table[table["measure"] == "recognisable"]
    assert list(squares["model"].unique()) == ["ae", "vae", "pca"]


@pytest.mark.parametrize(("better", "worse"), [(1, True), (2, False)])
def test_nearly_all_classes_are_all_but_a_tenth(better, worse):
    means = np.column_stack([np.full(10, 20.0), np.full(10, 1.0), np.full(10, 21.0)])
    means[:better, 2] = 19
    rise = sizes._rise_of_nearly_all(0)(means)
    assert rise == pytest.approx(5 if worse else -5)
