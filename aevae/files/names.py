"""Names of the datasets in the HDF5 files, for writers and readers.

Schema 5 has these names. `Translation` knows the names that older schemas had instead.
"""

from dataclasses import dataclass

from aevae.kinds import Kind

SPLITS = ("train", "val", "test")
# Where the latents of generated images are drawn from: N(0, I); a Gaussian with the mean and the
# variance of every latent; a Gaussian mixture fitted on sampled latents, per class for a
# conditional model; and a mixture fitted on posterior means.
PRIOR, DIAGONAL, MIXTURE, MIXTURE_OF_MEANS = "prior", "diagonal", "mixture", "mixture_of_means"
SAMPLERS = (PRIOR, DIAGONAL, MIXTURE, MIXTURE_OF_MEANS)
GMM = "gmm"  # up to schema 4, the one mixture, which was fitted on posterior means or codes
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
ELBO = "elbo"
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


@dataclass(frozen=True)
class Translation:
    """Between the names of today and those in the files of one schema.

    Parameters
    ----------
    version
        Of the schema.
    kind
        The kind of model.
    """

    version: int
    kind: Kind

    @property
    def samplers(self) -> tuple[str, ...]:
        """The samplers of the schema, by their names of today.

        The code of an AE is its mean and its sample, so that both mixtures are the same.
        """
        every = SAMPLERS if self.kind.variational else SAMPLERS[:-1]
        return every if self.version >= 5 else (PRIOR, every[-1])

    def to_file(self, path: str) -> str:
        """Translate the name of a dataset, or of a group, to the one in the files."""
        renamed = _SCHEMA_1 if self.version == 1 else {}
        path = "/".join(renamed.get(part, part) for part in path.split("/"))
        return path.replace(f"samples/{self._renamed}/", f"samples/{GMM}/")

    def from_file(self, path: str) -> str:
        """Translate the name in the files to the one of today."""
        renamed = {old: new for new, old in _SCHEMA_1.items()} if self.version == 1 else {}
        path = "/".join(renamed.get(part, part) for part in path.split("/"))
        return path.replace(f"samples/{GMM}/", f"samples/{self._renamed}/")

    @property
    def _renamed(self) -> str:
        """The sampler that the schema names differently."""
        return self.samplers[-1] if self.version < 5 else GMM
