"""The science: configuration, data, models, training, evaluation and the results file."""
