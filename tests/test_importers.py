"""Models of other frameworks, each by an importer of one form: what PyTorch and ONNX compute, Keras computes.

The witness is the framework's own output: PyTorch's, and ONNX's reference evaluator.
"""

import json

import h5py
import numpy as np
import pytest

from bitfront.hls import check_model
from bitfront.search.model_files import Reading, format_of, read_model
from bitfront.search.problem.load import load_model
from bitfront.spaces import UserError, lower

DRAW = np.random.default_rng(7)


def drawn(*shape):
    return (DRAW.normal(size=shape) / max(1, shape[-1] if len(shape) > 1 else 1) ** 0.5).astype(np.float32)


class ImporterConformance:
    """What every importer does; a subclass gives `networks`, `write(name, folder)` and `theirs(name, x)`."""

    networks: tuple[str, ...] = ()

    def test_keras_computes_what_the_framework_computes(self, name, tmp_path):
        source, inputs = self.write(name, tmp_path)
        model = load_model(source, tmp_path, trust=True)
        found = np.asarray(model(inputs[0] if len(inputs) == 1 else inputs))

        assert np.allclose(found, self.theirs(name, inputs, tmp_path), atol=1e-4)

    def test_the_graph_that_is_searched_computes_it_too(self, name, tmp_path):
        source, _ = self.write(name, tmp_path)
        model = load_model(source, tmp_path, trust=True)
        check_model(model)

        assert len(lower(model).nodes) > 1


def pytest_generate_tests(metafunc):
    if "name" in metafunc.fixturenames and metafunc.cls is not None:
        metafunc.parametrize("name", metafunc.cls.networks)


# -- ONNX ----------------------------------------------------------------------------------------------------


class TestOnnx(ImporterConformance):
    """Files of `onnx`, with channels first, and QONNX's operations as Brevitas writes them."""

    networks = ("mlp", "cnn", "sums", "brevitas_mlp", "signs", "channels_last")

    def write(self, name, folder):
        onnx = pytest.importorskip("onnx")
        from onnx import helper, numpy_helper

        nodes, arrays, shape, out = ONNX[name](helper)
        value = helper.make_tensor_value_info
        graph = helper.make_graph(
            nodes,
            name,
            [value("x", onnx.TensorProto.FLOAT, [None, *shape])],
            [value(out, onnx.TensorProto.FLOAT, None)],
            [numpy_helper.from_array(np.asarray(array), key) for key, array in arrays.items()],
        )
        domains = ["", "onnx.brevitas", "qonnx.custom_op.general", "qonnx.custom_op.channels_last"]
        sets = [helper.make_opsetid(one, 17 if not one else 1) for one in domains]
        onnx.save(helper.make_model(graph, opset_imports=sets, ir_version=9), str(folder / "net.onnx"))
        return "net.onnx", [DRAW.normal(size=(9, *shape)).astype(np.float32)]

    def theirs(self, name, inputs, folder):
        import onnx

        from bitfront.search.model_files.onnx_reference import reference_outputs

        return reference_outputs(onnx.load(str(folder / "net.onnx")), inputs)[0]


def onnx_mlp(h):
    nodes = [
        h.make_node("MatMul", ["x", "w1"], ["a"]),
        h.make_node("Add", ["a", "b1"], ["b"]),
        h.make_node("LeakyRelu", ["b"], ["c"], alpha=0.1),
        h.make_node("Gemm", ["c", "w2", "b2"], ["d"], transB=1),
        h.make_node("Softmax", ["d"], ["y"]),
    ]
    arrays = {"w1": drawn(6, 5), "b1": drawn(5), "w2": drawn(3, 5), "b2": drawn(3)}
    return nodes, arrays, (6,), "y"


def onnx_cnn(h):
    nodes = [
        h.make_node("Conv", ["x", "w1", "b1"], ["a"], pads=[1, 1, 1, 1], strides=[2, 1], name="first"),
        h.make_node("BatchNormalization", ["a", "g", "o", "m", "v"], ["b"]),
        h.make_node("Relu", ["b"], ["c"]),
        h.make_node("Conv", ["c", "w2"], ["d"], group=4),
        h.make_node("MaxPool", ["d"], ["e"], kernel_shape=[2, 2], strides=[2, 2]),
        h.make_node("Flatten", ["e"], ["f"]),
        h.make_node("Gemm", ["f", "w3"], ["y"]),
    ]
    arrays = {"w1": drawn(4, 2, 3, 3), "b1": drawn(4), "w2": drawn(8, 1, 2, 2), "w3": drawn(48, 3)}
    arrays |= {"g": drawn(4), "o": drawn(4), "m": drawn(4), "v": np.abs(drawn(4)) + 0.5}
    return nodes, arrays, (2, 10, 8), "y"


def onnx_sums(h):
    """A residual sum, a scale of each channel, a mean of the positions, and HardSigmoid's own slope."""
    nodes = [
        h.make_node("Conv", ["x", "w1"], ["a"], pads=[1, 1]),
        h.make_node("Mul", ["a", "s"], ["b"]),
        h.make_node("Add", ["b", "x"], ["c"]),
        h.make_node("HardSigmoid", ["c"], ["d"], alpha=0.25),
        h.make_node("GlobalAveragePool", ["d"], ["e"]),
        h.make_node("Squeeze", ["e", "axes"], ["f"]),
        h.make_node("Sub", ["one", "f"], ["g"]),
        h.make_node("Clip", ["g", "low", "high"], ["h"]),
        h.make_node("Abs", ["h"], ["y"]),
    ]
    arrays = {"w1": drawn(3, 3, 3), "s": drawn(3, 1), "axes": np.array([2]), "one": np.float32(0.5)}
    arrays |= {"low": np.float32(-0.1), "high": np.float32(0.1)}
    return nodes, arrays, (3, 6), "y"


def quant(h, given, out, bits, scale, **options):
    names = [f"{out}_scale", f"{out}_zero", f"{out}_bits"]
    arrays = dict(zip(names, (np.float32(scale), np.float32(0), np.float32(bits)), strict=True))
    return h.make_node("Quant", [given, *names], [out], domain="onnx.brevitas", **options), arrays


def onnx_brevitas_mlp(h):
    """Weights of 4 bits, activations of 5; a scale that is no power of two among them."""
    nodes, arrays = [], {"w1": drawn(5, 6), "b1": drawn(5), "w2": drawn(3, 5)}
    parts = [
        quant(h, "x", "xq", 6, 0.125, signed=1, narrow=0, rounding_mode="ROUND"),
        quant(h, "w1", "w1q", 4, 0.1, signed=1, narrow=1, rounding_mode="ROUND"),
        (h.make_node("Gemm", ["xq", "w1q", "b1"], ["a"], transB=1), {}),
        (h.make_node("Relu", ["a"], ["b"]), {}),
        quant(h, "b", "bq", 5, 0.07, signed=0, narrow=0, rounding_mode="ROUND"),
        quant(h, "w2", "w2q", 3, 0.25, signed=1, narrow=1, rounding_mode="ROUND"),
        (h.make_node("Gemm", ["bq", "w2q"], ["y"], transB=1), {}),
    ]
    for node, own in parts:
        nodes.append(node)
        arrays |= own
    return nodes, arrays, (6,), "y"


def onnx_signs(h):
    def bipolar(given, out):
        return h.make_node("BipolarQuant", [given, "one"], [out], domain="onnx.brevitas")

    nodes = [
        bipolar("x", "xq"),
        bipolar("w", "wq"),
        h.make_node("Gemm", ["xq", "wq"], ["a"]),
        bipolar("a", "y"),
    ]
    return nodes, {"w": drawn(7, 3), "one": np.float32([0.5])}, (7,), "y"


def onnx_channels_last(h):
    domain = "qonnx.custom_op.channels_last"
    rounded, arrays = quant(h, "x", "xq", 6, 0.125, signed=1, narrow=1, rounding_mode="FLOOR")
    nodes = [
        rounded,
        h.make_node(
            "Conv", ["xq", "w"], ["a"], domain=domain, group=1, kernel_shape=[3, 3], pads=[1, 1, 1, 1],
            strides=[1, 1], dilations=[1, 1],
        ),
        h.make_node("MaxPool", ["a"], ["b"], domain=domain, kernel_shape=[2, 2], strides=[2, 2], pads=[0] * 4),
        h.make_node("Resize", ["b", "", "scales"], ["c"], mode="nearest", nearest_mode="floor",
                    coordinate_transformation_mode="asymmetric"),
        h.make_node("Concat", ["c", "xq"], ["y"], axis=-1),
    ]  # fmt: skip
    arrays |= {"w": drawn(3, 3, 3, 2), "scales": np.array([1, 2, 2, 1], np.float32)}
    return nodes, arrays, (6, 4, 2), "y"


ONNX = {
    "mlp": onnx_mlp,
    "cnn": onnx_cnn,
    "sums": onnx_sums,
    "brevitas_mlp": onnx_brevitas_mlp,
    "signs": onnx_signs,
    "channels_last": onnx_channels_last,
}


def test_an_operation_that_onnx_has_and_the_firmware_hasn_t_is_refused_by_name(tmp_path):
    pytest.importorskip("onnx")

    def topk(h):
        return [h.make_node("Sin", ["x"], ["y"], name="wave")], {}, (3,), "y"

    ONNX["odd"] = topk
    try:
        source, _ = TestOnnx().write("odd", tmp_path)
    finally:
        del ONNX["odd"]
    with pytest.raises(UserError, match="'wave' is a ONNX Sin, which isn't read"):
        load_model(source, tmp_path)


# -- PyTorch -------------------------------------------------------------------------------------------------


@pytest.mark.slow
class TestTorch(ImporterConformance):
    """Modules with an example input, and programs that `torch.export.save` wrote."""

    networks = ("mlp", "cnn", "lstm", "gru", "attention", "program")

    def write(self, name, folder):
        pytest.importorskip("torch")
        (folder / "net.py").write_text(TORCH)
        shape = {"mlp": (6,), "cnn": (2, 8, 9), "program": (6,)}.get(name, (5, 4))
        inputs = [DRAW.normal(size=(8, *shape)).astype(np.float32)]
        if name != "program":
            return f"net.py:{name}", inputs
        import torch

        module, example = self.module(folder, "mlp")
        torch.export.save(torch.export.export(module.eval(), (example,)), str(folder / "net.pt2"))
        return "net.pt2", inputs

    def module(self, folder, name):
        space = {}
        exec(compile((folder / "net.py").read_text(), "net.py", "exec"), space)
        return space[name]()

    def theirs(self, name, inputs, folder):
        import torch

        module, _ = self.module(folder, "mlp" if name == "program" else name)
        with torch.no_grad():
            return module.eval()(torch.from_numpy(inputs[0])).numpy()


TORCH = """
import torch
from torch import nn


def mlp():
    torch.manual_seed(1)
    layers = [nn.Linear(6, 8), nn.BatchNorm1d(8), nn.LeakyReLU(0.1), nn.Dropout(), nn.Linear(8, 3)]
    return nn.Sequential(*layers, nn.Softmax(-1)), torch.zeros(1, 6)


class Cnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.norm = nn.Conv2d(2, 4, 3, padding="same"), nn.BatchNorm2d(4)
        self.b, self.c = nn.Conv2d(4, 4, 3, stride=2, groups=4), nn.Conv2d(4, 4, 1)
        self.out = nn.Linear(4 * 3 * 4, 3)

    def forward(self, x):
        x = torch.relu(self.norm(self.a(x)))
        y = nn.functional.relu6(self.b(x))
        return self.out(torch.flatten(y + self.c(y) * 0.5, 1))


def cnn():
    torch.manual_seed(2)
    return Cnn(), torch.zeros(2, 2, 8, 9)


class Rnn(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.rnn, self.out = kind(4, 3, batch_first=True), nn.Linear(3, 2)

    def forward(self, x):
        return self.out(self.rnn(x)[0][:, -1])


def lstm():
    torch.manual_seed(3)
    return Rnn(nn.LSTM), torch.zeros(1, 5, 4)


def gru():
    torch.manual_seed(4)
    return Rnn(nn.GRU), torch.zeros(1, 5, 4)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.k, self.v, self.o = (nn.Linear(4, 4) for _ in range(4))
        self.norm = nn.LayerNorm(4)

    def forward(self, x):
        q, k, v = (one(x).reshape(x.shape[0], 5, 2, 2).transpose(1, 2) for one in (self.q, self.k, self.v))
        y = nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(x.shape[0], 5, 4)
        return self.norm(x + self.o(y)).mean(1)


def attention():
    torch.manual_seed(5)
    return Block(), torch.zeros(1, 5, 4)
"""


@pytest.mark.parametrize(("name", "said"), [("net.pt2", "trust_model: true"), ("net.pt", "is a pickle")])
def test_a_file_of_pytorch_that_may_run_code_is_refused(tmp_path, name, said):
    (tmp_path / name).write_bytes(b"PK")
    with pytest.raises(UserError, match=said):
        read_model(tmp_path / name, Reading())
    assert format_of(tmp_path / name) is not None


# -- HGQ -----------------------------------------------------------------------------------------------------


def fixed(x, bits, integers, signed):
    """NumPy: floor, and wrap around."""
    step = 2.0 ** (integers - bits)
    low = -signed * 2.0 ** (integers - 1)
    span = 2.0**integers
    found = np.floor(x / step) * step
    return np.where(bits > 0, (found - low) % span + low, 0.0)


def test_a_network_of_hgq_is_read_with_a_type_for_each_value(tmp_path):
    """HGQ's `to_proxy_model` saves Keras 2 layers and roundings whose types are arrays."""
    types = {
        "q_in": (np.array([[6, 5, 0]]), np.array([[3, 2, 0]]), np.ones((1, 3), int)),
        "q_out": (np.array([8]), np.array([4]), np.array([1])),
        "q_relu": (np.array([[4, 5]]), np.array([[3, 2]]), np.zeros((1, 2), int)),
    }

    def layer(kind, name, source, **config):
        nodes = [[[source, 0, 0, {}]]] if source else []
        return {"class_name": kind, "config": {"name": name, **config}, "name": name, "inbound_nodes": nodes}

    def rounding(name, source):
        shape = list(types[name][0].shape)
        return layer("FixedPointQuantizer", name, source, RND="TRN", SAT="WRAP", shape=shape, overrides={})

    layers = [
        layer("InputLayer", "x", None, batch_input_shape=[None, 3], dtype="float32"),
        rounding("q_in", "x"),
        layer("Dense", "d", "q_in", units=2, activation="linear", use_bias=True),
        rounding("q_out", "d"),
        layer("Activation", "relu", "q_out", activation="relu"),
        rounding("q_relu", "relu"),
    ]
    config = {
        "name": "m",
        "layers": layers,
        "input_layers": [["x", 0, 0]],
        "output_layers": [["q_relu", 0, 0]],
    }
    kernel, bias = np.round(drawn(3, 2) * 4) / 4, np.float32([0.25, -0.5])
    arrays = {"d": {"kernel:0": kernel, "bias:0": bias}}
    arrays |= {
        name: {"keep_negative:0": signed, "bits:0": bits, "integers:0": integers}
        for name, (bits, integers, signed) in types.items()
    }
    with h5py.File(tmp_path / "net.h5", "w") as file:
        file.attrs["model_config"] = json.dumps({"class_name": "Functional", "config": config})
        file.attrs["keras_version"] = "2.13.1"
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [name.encode() for name in arrays]
        for name, own in arrays.items():
            place = group.create_group(name)
            place.attrs["weight_names"] = [key.encode() for key in own]
            for key, value in own.items():
                place[key] = value
    x = DRAW.normal(size=(200, 3)).astype(np.float32) * 3
    hidden = fixed(x, *(one[0] for one in types["q_in"])) @ kernel + bias
    wanted = fixed(np.maximum(fixed(hidden, *types["q_out"]), 0), *(one[0] for one in types["q_relu"]))
    model = load_model("net.h5", tmp_path)

    assert np.array_equal(np.asarray(model(x)), wanted.astype(np.float32))
    check_model(model)
    model.save(tmp_path / "again.keras")
    assert np.array_equal(np.asarray(load_model("again.keras", tmp_path)(x)), wanted.astype(np.float32))
