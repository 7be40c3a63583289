"""The kinds of models, with the properties that code outside the networks needs.

A new kind is a network in `aevae.models` and an entry in `KINDS`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of model.

    Parameters
    ----------
    name
        Name in specifications, run ids and tables.
    title
        Name in texts and figures.
    network
        Class of the network: ``module:class``. It is not imported here, so that neither a login
        node nor the analysis needs torch.
    colour
        Colour of its lines and points in figures.
    variational
        Whether the posterior is a distribution, so that the loss has a KL term and z is sampled.
    conditional
        Whether the network gets the class of an image as input.
    learns_variance
        Whether the variance of the Gaussian decoder is fitted to its errors. Otherwise it is 1/2.
    """

    name: str
    title: str
    network: str
    colour: str
    variational: bool = False
    conditional: bool = False
    learns_variance: bool = False

    def has(self, setting: str) -> bool:
        """Whether a setting of the model, such as ``kl_weight``, applies to this kind."""
        if setting in ("kl_weight", "kl_warmup_epochs"):
            return self.variational
        return setting != "latent_activation" or not self.variational


# Tables and figures list the kinds in this order. The colours are from Okabe and Ito (2008): people
# with a common colour-vision deficiency can tell them apart. No class of a dataset has one of them.
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
