"""The judges: classifiers that say of which class a generated image is, and how surely."""
