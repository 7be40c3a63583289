"""The t-SNE layouts of a sweep: of what, kept where, computed how, and how good they are."""

NAMES = ("images", "ae", "vae", "cvae")  # here, so that naming them imports nothing heavy
