"""One module per table, with a `TableRecipe` named TABLE; `registry` lists these recipes.

Tables are tidy; a column that does not apply to a model is empty (NaN). In a sweep whose settings
vary, every table has a column for each of these settings. What each table is about
stands here, so that the command line can name the tables without importing pandas; what a class is
called is put in place of ``{noun}``. May import `analysis.measures` and what lies below it.
"""

# What `aevae-analysis tables` writes.
TABLES = {
    "per_digit_error": "test error of each {noun} with intervals, by model and latent size",
    "summary": "validation and test errors, bounds and training time of every run",
    "history": "loss, SSE and KL of every epoch",
    "latent_size_choice": "validation error by latent size, and the choice",
    "published": "test errors beside those published with the article",
    "literature": "log-likelihoods beside those of other papers",
    "latent_space": "active and dead units, aggregate posterior, parts of the KL",
    "latent_dimensions": "the same for every latent dimension",
    "pixel_costs": "what an error of a pixel costs: cross-entropy and squared error",
    "auroc": "how well errors tell test images from outliers",
}

# The same by subject, as the help of the command lists them.
SUBJECTS = {
    "Errors": (
        "per_digit_error",
        "summary",
        "history",
        "latent_size_choice",
        "published",
        "literature",
        "pixel_costs",
        "auroc",
    ),
    "Latent space": ("latent_space", "latent_dimensions"),
}

# These need trained judges or take a minute. The findings need the same numbers, so that
# `aevae-analysis findings` writes these tables.
EVIDENCE = {
    "sample_quality": "generated images against test images, by model and sampler",
    "calibration": "how far the judges of generated images can be believed",
    "control": "whether a CVAE draws the {noun} that it is asked for",
    "smoothness": "how images change between the codes of test images",
    "plane_structure": "which {plural} border on each other, sparse regions, shared style",
    "memorisation": "how near samples and test images come to training images",
    "probes": "how well the {noun} can be read from latents, PCA and pixels",
}
