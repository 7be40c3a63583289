"""The networks as ONNX graphs, built from the stored weights; torch is not needed.

The inputs of the encoder are `images`, (N, *image_shape) float32 in [0, 1], and for a conditional
model `labels`, (N, C) one-hot float32. Its outputs are `mu` and, unless the model is an
autoencoder, `logvar`, (N, d) each. The inputs of the decoder are `z`, (N, d), and `labels`; its
output is `images`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from aevae.files.hdf5 import Array
from aevae.models.plain import layer_names
from aevae.use.runs import TrainedRun

OPSET = 20  # the first that has Gelu
IR_VERSION = 9  # of the file format, which belongs to that opset
BATCH = "N"


@dataclass
class _Graph:
    """The nodes and the stored arrays of a graph that is being built."""

    weights: Mapping[str, Array]
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    arrays: list[onnx.TensorProto] = field(default_factory=list)

    def add(self, kind: str, inputs: Sequence[str], output: str = "", **attributes: object) -> str:
        """Add a node; return the name of its output."""
        name = output or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, name: str, value: Array) -> str:
        """Store an array; return its name."""
        self.arrays.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def linear(self, layer: str, inputs: str, output: str = "") -> str:
        """Add a linear layer of the trained network."""
        names = [f"{layer}.weight", f"{layer}.bias"]
        stored = [self.constant(name, self.weights[name]) for name in names]
        return self.add("Gemm", [inputs, *stored], output, transB=1)

    def hidden(self, part: str, inputs: str, activation: str) -> str:
        """Add the hidden layers of the encoder or decoder."""
        for layer in layer_names(self.weights, part):
            inputs = _ACTIVATIONS[activation](self, self.linear(layer, inputs))
        return inputs


def _silu(graph: _Graph, x: str) -> str:
    return graph.add("Mul", [x, graph.add("Sigmoid", [x])])


# By the setting `activation`; docs/results-format.md defines them.
_ACTIVATIONS: Mapping[str, Callable[[_Graph, str], str]] = {
    "relu": lambda graph, x: graph.add("Relu", [x]),
    "leaky-relu": lambda graph, x: graph.add("LeakyRelu", [x], alpha=0.01),
    "elu": lambda graph, x: graph.add("Elu", [x]),
    "gelu": lambda graph, x: graph.add("Gelu", [x], approximate="tanh"),
    "silu": _silu,
    "tanh": lambda graph, x: graph.add("Tanh", [x]),
}


def encoder(run: TrainedRun) -> bytes:
    """Return the graph of the encoder, serialised."""
    model, data = run.config.model, run.config.data
    graph = _Graph(run.weights)
    shape = graph.constant("flat", np.array([-1, data.values]))
    flat = _with_labels(run, graph, graph.add("Reshape", ["images", shape]))
    hidden = graph.hidden("encoder", flat, model.activation)
    if model.latent_activation == "relu":
        graph.add("Relu", [graph.linear("mu", hidden)], "mu")
    else:
        graph.linear("mu", hidden, "mu")
    outputs = {"mu": (model.latent_size,)}
    if model.traits.variational:
        graph.linear("logvar", hidden, "logvar")
        outputs["logvar"] = (model.latent_size,)
    return _serialised(run, graph, {"images": data.image_shape}, outputs)


def decoder(run: TrainedRun) -> bytes:
    """Return the graph of the decoder, serialised."""
    model, data = run.config.model, run.config.data
    graph = _Graph(run.weights)
    hidden = graph.hidden("decoder", _with_labels(run, graph, "z"), model.activation)
    intensities = graph.add("Sigmoid", [graph.linear("output", hidden)])
    shape = graph.constant("shape", np.array([-1, *data.image_shape]))
    graph.add("Reshape", [intensities, shape], "images")
    return _serialised(run, graph, {"z": (model.latent_size,)}, {"images": data.image_shape})


def _with_labels(run: TrainedRun, graph: _Graph, inputs: str) -> str:
    if not run.config.model.traits.conditional:
        return inputs
    return graph.add("Concat", [inputs, "labels"], axis=1)


def _serialised(
    run: TrainedRun,
    graph: _Graph,
    inputs: Mapping[str, Sequence[int]],
    outputs: Mapping[str, Sequence[int]],
) -> bytes:
    if run.config.model.traits.conditional:
        inputs = {**inputs, "labels": (run.config.data.classes,)}
    ends = [
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [BATCH, *shape])
            for name, shape in side.items()
        ]
        for side in (inputs, outputs)
    ]
    made = helper.make_graph(graph.nodes, run.run_id, *ends, initializer=graph.arrays)
    model = helper.make_model(
        made,
        producer_name="aevae",
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    texts = {"run_id": run.run_id, "config": run.config.canonical_json()}
    helper.set_model_props(model, texts)
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content
