"""The t-SNE layouts of a sweep: of what, kept where, computed how, and how good they are."""

from aevae.kinds import KINDS

NAMES = ("images", *KINDS)  # here, so that naming them imports nothing heavy
