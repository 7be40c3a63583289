"""Other programs read the exported model, and compute what it computes here."""

import json
from typing import get_args

import numpy as np
import pytest

import aevae
from aevae.config import Activation, RunConfig
from aevae.kinds import KINDS
from aevae.use.export import export

CASES = [
    *((kind, {}) for kind in KINDS),
    ("ae", {"latent_activation": "relu"}),
    *(("vae", {"activation": name}) for name in get_args(Activation)),
]


@pytest.mark.parametrize(("kind", "settings"), CASES)
def test_onnxruntime_computes_what_torch_computes(add_run, weird, tmp_path, images, kind, settings):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    add_run(kind, **settings)
    model = aevae.load(weird, backend="torch")
    files = [path for path, _ in export(model.run, tmp_path / "m.onnx")]
    assert [path.name for path in files] == ["m-encoder.onnx", "m-decoder.onnx"]
    encoder, decoder = map(onnxruntime.InferenceSession, files)
    labels = np.arange(7) % 3 if kind == "cvae" else None
    given = {} if labels is None else {"labels": np.eye(3, dtype="f4")[labels]}
    codes = encoder.run(None, {"images": (images / 255).astype("f4"), **given})
    expected = [part for part in model.encode(images, labels) if part is not None]
    assert len(codes) == len(expected) == (1 if kind == "ae" else 2)
    for one, other in zip(codes, expected, strict=True):
        assert one == pytest.approx(other, abs=1e-5)
    (decoded,) = decoder.run(None, {"z": codes[0], **given})
    assert decoded == pytest.approx(model.decode(codes[0], labels), abs=1e-5)
    stored = encoder.get_modelmeta().custom_metadata_map
    assert RunConfig.model_validate_json(stored["config"]) == model.config


def test_safetensors_hold_the_weights_bit_for_bit_and_the_configuration(add_run, weird, tmp_path):
    safetensors = pytest.importorskip("safetensors")
    add_run("sigma-vae")
    model = aevae.load(weird)
    list(export(model.run, tmp_path / "m.safetensors"))
    with safetensors.safe_open(tmp_path / "m.safetensors", "numpy") as file:
        assert sorted(file.keys()) == sorted(model.run.weights)
        for name, value in model.run.weights.items():
            assert np.array_equal(file.get_tensor(name), value)
        metadata = file.metadata()
    assert metadata["run_id"] == model.run_id
    assert json.loads(metadata["config"])["model"]["kind"] == "sigma-vae"


def test_another_ending_is_refused(add_run, weird, tmp_path):
    add_run()
    with pytest.raises(aevae.InputError, match=r"\.safetensors or \.onnx, got .*m\.pt"):
        list(export(aevae.load(weird).run, tmp_path / "m.pt"))
