"""Export of a trained model for other programs: its weights as safetensors, or ONNX graphs."""

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from aevae.data.importing.source import shown
from aevae.errors import InputError, RunFailed, importing
from aevae.files.atomic import publish
from aevae.models.plain import Floats, one_hot
from aevae.use.model import Model
from aevae.use.networks import build
from aevae.use.runs import TrainedRun

TOLERANCE = 1e-4  # of numbers up to 1, and relative to the largest otherwise; rounding causes less
CHECKED_IMAGES = 16


def export(run: TrainedRun, to: Path) -> Iterator[tuple[Path, str]]:
    """Write the model of a run; yield each file, and what a check of it found.

    Parameters
    ----------
    run
        The trained model.
    to
        ``NAME.safetensors``: the weights, with the configuration and the run id in the metadata.
        ``NAME.onnx``: the graphs ``NAME-encoder.onnx`` and ``NAME-decoder.onnx``. Each is run by
        onnxruntime and compared with the model here before it is published.

    Raises
    ------
    InputError
        The name has another ending, or the file cannot be written.
    RunFailed
        The extra ``export`` is not installed, or onnxruntime computes other numbers.
    """
    if to.suffix == ".safetensors":
        with importing("export"):
            from safetensors.numpy import save
        weights = {name: np.ascontiguousarray(value) for name, value in run.weights.items()}
        metadata = {"run_id": run.run_id, "config": run.config.canonical_json()}
        _publish(to, save(weights, metadata=metadata))
        yield to, f": {len(weights)} arrays, with the configuration"
    elif to.suffix == ".onnx":
        with importing("export"):
            from aevae.use.onnx_graph import decoder, encoder
        for part, make in {"encoder": encoder, "decoder": decoder}.items():
            path = to.with_name(f"{to.stem}-{part}.onnx")
            content = make(run)
            difference = _compared(run, part, content)
            _publish(path, content)
            yield path, f": onnxruntime differs by {difference:.1e} at most"
    else:
        raise InputError(f"--to takes a name that ends in .safetensors or .onnx, got {shown(to)}")


def _publish(path: Path, content: bytes) -> None:
    try:
        publish(path, lambda file: file.write(content))
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from None


def _compared(run: TrainedRun, part: str, content: bytes) -> float:
    """Return the largest difference between onnxruntime and torch (NumPy, without torch)."""
    import onnxruntime

    model = Model(run, build(run, "torch" if find_spec("torch") else "numpy"))
    rng = np.random.default_rng(0)
    # Black and white images are the same after a dynamic binarisation.
    images = rng.integers(0, 2, (CHECKED_IMAGES, *model.image_shape)).astype(np.float32)
    z = rng.standard_normal((CHECKED_IMAGES, model.latent_size), np.float32)
    labels, given = None, {}
    if model.is_conditional:
        labels = rng.integers(0, len(model.class_names), CHECKED_IMAGES)
        given = {"labels": one_hot(labels, len(model.class_names))}
    if part == "encoder":
        inputs = {"images": images, **given}
        expected = [found for found in model.encode(images, labels) if found is not None]
    else:
        inputs, expected = {"z": z, **given}, [model.decode(z, labels)]
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    found: Sequence[Floats] = session.run(None, inputs)
    difference = max(
        float(np.abs(one - other).max() / max(1, np.abs(other).max()))
        for one, other in zip(found, expected, strict=True)
    )
    if not difference <= TOLERANCE:
        raise RunFailed("wrong_export", f"onnxruntime's {part} differs by {difference:.1e}")
    return difference
