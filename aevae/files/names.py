"""Names of the datasets in the HDF5 files, for writers and readers alike.

Names are those of schema 2. `name_in_schema_1` translates them for files of schema 1.
"""

SPLITS = ("train", "val", "test")
SAMPLERS = ("prior", "gmm")
PLANES = ("quantile", "range")

# Of the images of a split.
MU = "mu"
LOGVAR = "logvar"
Z = "z"
KL = "kl"
SSE_AT_MEAN = "sse_at_mean"
SSE_AT_SAMPLE = "sse_at_sample"
RECONSTRUCTION_AT_MEAN = "reconstruction_at_mean"
RECONSTRUCTION_AT_SAMPLE = "reconstruction_at_sample"
LOG_IMPORTANCE_WEIGHTS = "log_importance_weights"
# Of what a decoder made.
IMAGE = "image"
LABEL = "label"
INDEX = "index"
DIM = "dim"
PAIR = "pair"
# Of the course of training.
LOSS = "loss"
SSE = "sse"
EPOCH_SECONDS = "history/epoch_seconds"
LEARNING_RATE = "history/learning_rate"

OUTLIERS = "outliers"
WEIGHTS = "weights"

_SCHEMA_1 = {
    SSE_AT_MEAN: "sse_mean",
    SSE_AT_SAMPLE: "sse_sample",
    RECONSTRUCTION_AT_MEAN: "recon_mean",
    RECONSTRUCTION_AT_SAMPLE: "recon_sample",
    LOG_IMPORTANCE_WEIGHTS: "log_weights",
    OUTLIERS: "ood",
}


def history(split: str, name: str) -> str:
    """Name a value of every epoch: ``history/val/loss``."""
    return f"history/{split}/{name}"


def of_split(split: str, name: str) -> str:
    """Name a value of every image of a split: ``test/mu``."""
    return f"{split}/{name}"


def outlier_set(outliers: str) -> str:
    """Name the group of a set of outliers, which has values as a split has: ``outliers/noise``."""
    return f"{OUTLIERS}/{outliers}"


def of_outliers(outliers: str, name: str) -> str:
    """Name a value of every image of a set of outliers: ``outliers/noise/kl``."""
    return of_split(outlier_set(outliers), name)


def sample(sampler: str, name: str) -> str:
    """Name what a sampler gave: ``samples/prior/image``."""
    return f"samples/{sampler}/{name}"


def grid(plane: str, name: str) -> str:
    """Name what a plane of two latents gave: ``grid/quantile/image``."""
    return f"grid/{plane}/{name}"


def traversal(name: str) -> str:
    """Name what varying one latent at a time gave: ``traversal/image``."""
    return f"traversal/{name}"


def interpolation(name: str) -> str:
    """Name what lines between codes gave: ``interpolation/image``."""
    return f"interpolation/{name}"


def weight(parameter: str) -> str:
    """Name a trained parameter: ``weights/mu.bias``."""
    return f"{WEIGHTS}/{parameter}"


def name_in_schema_1(path: str) -> str:
    """Translate the name of a dataset, or of a group, to the one that it has in schema 1."""
    return "/".join(_SCHEMA_1.get(part, part) for part in path.split("/"))


def name_from_schema_1(path: str) -> str:
    """Translate the name of a dataset in schema 1 to the one that it has now."""
    known = {old: new for new, old in _SCHEMA_1.items()}
    return "/".join(known.get(part, part) for part in path.split("/"))
