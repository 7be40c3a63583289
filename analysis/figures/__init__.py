"""One module per figure: `gather` reads a sweep, `draw` makes the figure, `caption` its text.

`FIGURES` names the modules; it is here so that listing the names imports nothing heavy.
"""

FIGURES = {
    "loss_curves": "training and validation loss by epoch; rate against distortion",
    "by_digit": "test error of each digit against latent size",
    "reconstructions": "the same test images through every model, with residuals",
    "generated": "images decoded from noise, by model and sampler",
    "digits_embedding": "the test images laid out by t-SNE",
    "latent_pca": "latents along their principal axes, against N(0, I)",
    "tsne": "latents of the models laid out by t-SNE",
    "latent_grid": "images over the plane of two-dimensional latents",
}

# What the embeddings of a figure are made of; they are computed before the first is drawn.
EMBEDDED = {"digits_embedding": ("images",), "tsne": ("ae", "vae", "cvae")}
