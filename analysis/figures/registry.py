"""Every figure there is."""

from typing import Any

from analysis.figures import (
    anomaly,
    architectures,
    by_digit,
    by_setting,
    closest_pairs,
    code_map,
    decoder_variance,
    digits,
    digits_embedding,
    generated,
    generators,
    interpolations,
    latent_diagnostics,
    latent_grid,
    latent_pca,
    latent_sizes,
    loss_curves,
    noise,
    pixel_costs,
    plane_structure,
    probe_curves,
    rate_distortion,
    reconstructions,
    reliability,
    selection,
    traversals,
    tsne,
    two_settings,
)
from analysis.figures.recipe import FigureRecipe

RECIPES: dict[str, FigureRecipe[Any]] = {
    recipe.name: recipe
    for recipe in (
        digits.FIGURE,
        architectures.FIGURE,
        pixel_costs.FIGURE,
        loss_curves.FIGURE,
        by_digit.FIGURE,
        selection.FIGURE,
        latent_diagnostics.FIGURE,
        anomaly.FIGURE,
        reconstructions.FIGURE,
        generated.FIGURE,
        latent_sizes.FIGURE,
        noise.FIGURE,
        code_map.FIGURE,
        traversals.FIGURE,
        interpolations.FIGURE,
        digits_embedding.FIGURE,
        latent_pca.FIGURE,
        tsne.FIGURE,
        latent_grid.FIGURE,
        generators.FIGURE,
        by_setting.FIGURE,
        rate_distortion.FIGURE,
        decoder_variance.FIGURE,
        two_settings.FIGURE,
        reliability.FIGURE,
        closest_pairs.FIGURE,
        plane_structure.FIGURE,
        probe_curves.FIGURE,
    )
}
