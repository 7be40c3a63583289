"""The kinds of models: what everything but the network itself must know of them.

A new kind is a network in `aevae.models` and an entry in `KINDS`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of model.

    Parameters
    ----------
    name
        As specifications, run ids and tables have it.
    title
        As readers see it.
    network
        Class of the network: ``module:class``. It is not imported here, so that neither a login
        node nor the analysis needs torch.
    colour
        Of its lines and points in figures.
    variational
        The posterior is a distribution, so that there are a KL term and sampled z.
    conditional
        The network is told the class of an image.
    learns_variance
        The variance of the Gaussian decoder is fitted to its errors, instead of being 1/2.
    """

    name: str
    title: str
    network: str
    colour: str
    variational: bool = False
    conditional: bool = False
    learns_variance: bool = False


# In the order in which tables and figures have them. The colours are of Okabe and Ito (2008): with
# every common colour-vision deficiency they can be told apart, and no class has one of them.
KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            name="ae",
            title="AE",
            network="aevae.models.networks:Autoencoder",
            colour="#d55e00",
        ),
        Kind(
            name="vae",
            title="VAE",
            network="aevae.models.networks:VAE",
            colour="#0072b2",
            variational=True,
        ),
        Kind(
            name="cvae",
            title="CVAE",
            network="aevae.models.networks:ConditionalVAE",
            colour="#009e73",
            variational=True,
            conditional=True,
        ),
        Kind(
            name="sigma-vae",
            title="sigma-VAE",
            network="aevae.models.sigma_vae:SigmaVAE",
            colour="#cc79a7",
            variational=True,
            learns_variance=True,
        ),
    )
}
