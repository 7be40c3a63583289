"""One module per figure, with a `FigureRecipe` named FIGURE; `registry` lists these recipes.

What each figure shows is said here, so that the command line can name the figures without
importing matplotlib; what a class is called is put in place of ``{noun}`` and ``{plural}``. May
import `analysis.tables` and what lies below it.
"""

# What `aevae-analysis figures` draws.
FIGURES = {
    "digits": "test images of each {noun}",
    "architectures": "the layers and the loss of each model",
    "likelihood_costs": "what an error of a pixel costs: cross-entropy and squared error",
    "loss_curves": "SSE, KL and loss by epoch; rate against distortion",
    "by_digit": "test error of each {noun} against latent size",
    "selection": "validation error against latent size, and the choice",
    "latent_diagnostics": "active units, KL by dimension and its parts, aggregate posterior",
    "anomaly": "telling outliers by their errors: ROC and AUROC",
    "reconstructions": "the same test images through every model, with residuals",
    "generated": "images decoded from noise, by model and sampler",
    "latent_sizes": "a median and the worst image of each {noun} at every latent size",
    "noise": "two-dimensional noise, decoded, with the nearest training images",
    "code_map": "where the AE puts its codes, and what it decodes there and in a gap",
    "traversals": "what each latent dimension does to an image",
    "interpolations": "lines between the codes of test images, within and across {plural}",
    "digits_embedding": "the test images laid out by t-SNE",
    "latent_pca": "latents along their principal axes, against N(0, I)",
    "tsne": "latents of the models laid out by t-SNE",
    "latent_grid": "images over the plane of two-dimensional latents",
    "generators": "how good generated images are, by model, sampler and latent size",
    "by_setting": "error, KL, active units and sample quality by each setting that varies",
    "rate_distortion": "KL against error along each setting that varies",
    "decoder_variance": "rate, error and sample quality by the variance of the decoder",
    "two_settings": "error by pairs of settings that vary",
}

# The same by subject, as the help of the command lists them.
SUBJECTS = {
    "Dataset and models": ("digits", "architectures"),
    "Errors": (
        "likelihood_costs",
        "loss_curves",
        "by_digit",
        "selection",
        "reconstructions",
        "latent_sizes",
        "anomaly",
    ),
    "Generated images": ("generated", "generators", "noise"),
    "Latent space": (
        "latent_diagnostics",
        "latent_grid",
        "code_map",
        "traversals",
        "interpolations",
        "latent_pca",
        "tsne",
        "digits_embedding",
    ),
    "Settings that vary": ("by_setting", "rate_distortion", "decoder_variance", "two_settings"),
}

# Those that take a minute come with the findings, which need their numbers too.
EVIDENCE = {
    "reliability": "how sure the judges are, against how often they are right",
    "closest_pairs": "the samples that come nearest to a training image",
    "neighbouring_regions": "which {plural} border on each other, sparse regions, shared style",
    "probe_curves": "how well the {noun} can be read from latents, PCA and pixels",
    "seen_by_setting": "what z tells of image and {noun}, by each setting that varies",
}

FIGURE_FORMATS = ("png", "pdf")
