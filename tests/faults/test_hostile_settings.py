"""Settings with any content are either accepted or refused in one line."""

import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aevae.errors import InputError
from jobs.scheduler.profile import ClusterProfile, load_profile
from jobs.sweep.spec import SHIPPED_SPECS, SweepSpec, load_spec

SPEC_KEYS = [*SweepSpec.model_fields, "epochs", "dataset", "hidden_sizes", "../x", "a b", "ü"]
PROFILE_KEYS = [*ClusterProfile.model_fields, "nodes", "wrap", "signal"]
QUICK = settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
QUICKSTART = (SHIPPED_SPECS / "quickstart.toml").read_bytes()


def tables(keys):
    """Return a strategy for nested tables with these keys and values of all types."""
    integers = st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3)
    leaves = st.booleans() | integers | st.floats() | st.text(max_size=20)
    leaves |= st.sampled_from(
        ["ae", "vae", "mnist", "digits", "gaussian", "one-cycle", "%j", "a\nb"]
    )
    values = st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from(keys), inner, max_size=5)
        ),
        max_leaves=10,
    )
    return st.dictionaries(st.sampled_from(keys), values, max_size=8)


def load_cells(path):
    return load_spec(path).runs(str(path))


def take_or_refuse(load, path, content):
    path.write_bytes(content)
    try:
        load(path)
    except InputError as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017 - either outcome is right
        assert len(str(error)) < 1000  # noqa: PT017


@QUICK
@given(content=st.binary(max_size=300))
def test_any_bytes(weird, content):
    take_or_refuse(load_cells, weird / "s.toml", content)
    take_or_refuse(load_profile, weird / "p.toml", content)


@QUICK
@given(spec=tables(SPEC_KEYS))
def test_any_specification(weird, spec):
    base = {"name": "x", "models": ["ae"], "latent_sizes": [2]}
    take_or_refuse(load_cells, weird / "s.toml", tomli_w.dumps(base | spec).encode())


@QUICK
@given(profile=tables(PROFILE_KEYS))
def test_any_profile(weird, profile):
    take_or_refuse(load_profile, weird / "p.toml", tomli_w.dumps(profile).encode())


@QUICK
@given(place=st.integers(0, len(QUICKSTART)), gone=st.integers(0, 40), new=st.binary(max_size=40))
def test_a_specification_with_a_part_replaced(weird, place, gone, new):
    content = QUICKSTART[:place] + new + QUICKSTART[place + gone :]
    take_or_refuse(load_cells, weird / "s.toml", content)


def test_a_grid_beyond_measure_is_refused_before_it_is_built(weird):
    many = ",".join(map(str, range(1, 500)))
    content = f'name = "x"\nmodels = ["ae"]\nlatent_sizes = [{many}]\nseeds = [{many}]\n'
    path = weird / "s.toml"
    path.write_text(content)
    try:
        load_cells(path)
    except InputError as error:
        message = str(error)
    assert message == f"249,001 cells are more than the 100,000 possible in {path}"
