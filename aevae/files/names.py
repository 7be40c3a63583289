"""Names of the datasets in the HDF5 files, for writers and readers.

Schemas 2 to 4 have these names. `name_in_schema_1` translates them for files of schema 1.
"""

SPLITS = ("train", "val", "test")
SAMPLERS = ("prior", "gmm")
PLANES = ("quantile", "range")

# Values of each image of a split.
MU = "mu"
LOGVAR = "logvar"
Z = "z"
KL = "kl"
SSE_AT_MEAN = "sse_at_mean"
SSE_AT_SAMPLE = "sse_at_sample"
RECONSTRUCTION_AT_MEAN = "reconstruction_at_mean"
RECONSTRUCTION_AT_SAMPLE = "reconstruction_at_sample"
IWAE_BOUND = "iwae_bound"
EFFECTIVE_SAMPLE_SIZE = "effective_sample_size"
LOG_IMPORTANCE_WEIGHTS = "log_importance_weights"  # up to schema 3
# Decoded images, with their labels and origin.
IMAGE = "image"
LABEL = "label"
INDEX = "index"
DIM = "dim"
PAIR = "pair"
# History of training.
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
    """Return the name of a value per epoch: ``history/val/loss``."""
    return f"history/{split}/{name}"


def of_split(split: str, name: str) -> str:
    """Return the name of a value per image of a split: ``test/mu``."""
    return f"{split}/{name}"


def outlier_set(outliers: str) -> str:
    """Return the name of the group of a set of outliers: ``outliers/noise``."""
    return f"{OUTLIERS}/{outliers}"


def of_outliers(outliers: str, name: str) -> str:
    """Return the name of a value per image of a set of outliers: ``outliers/noise/kl``."""
    return of_split(outlier_set(outliers), name)


def sample(sampler: str, name: str) -> str:
    """Return the name of a dataset of generated images: ``samples/prior/image``."""
    return f"samples/{sampler}/{name}"


def grid(plane: str, name: str) -> str:
    """Return the name of a dataset of a plane of two latents: ``grid/quantile/image``."""
    return f"grid/{plane}/{name}"


def traversal(name: str) -> str:
    """Return the name of a dataset of the traversals of single latents: ``traversal/image``."""
    return f"traversal/{name}"


def interpolation(name: str) -> str:
    """Return the name of a dataset of lines between codes: ``interpolation/image``."""
    return f"interpolation/{name}"


def weight(parameter: str) -> str:
    """Return the name of a trained parameter: ``weights/mu.bias``."""
    return f"{WEIGHTS}/{parameter}"


def name_in_schema_1(path: str) -> str:
    """Translate the name of a dataset, or of a group, to the one that it has in schema 1."""
    return "/".join(_SCHEMA_1.get(part, part) for part in path.split("/"))


def name_from_schema_1(path: str) -> str:
    """Translate the name of a dataset in schema 1 to the one that it has now."""
    known = {old: new for new, old in _SCHEMA_1.items()}
    return "/".join(known.get(part, part) for part in path.split("/"))
