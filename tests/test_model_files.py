"""Models in each kind of file that Keras 2 and 3 write: read as Keras 3 models that compute the same.

The witness is the Keras that wrote the file, or NumPy where no Keras of today knows the layers.
"""

import json
import zipfile

import h5py
import keras
import numpy as np
import pytest

from bitfront.hls import check_model
from bitfront.search.model_files import SUFFIXES
from bitfront.search.problem.load import load_model
from bitfront.spaces import UserError

keras2 = pytest.importorskip("tf_keras")
K = keras2.layers
X = np.random.default_rng(3).normal(size=(16, 8, 4)).astype(np.float32) * 2


def randomized(model, seed=5):
    draw = np.random.default_rng(seed)
    model.set_weights([np.abs(draw.normal(size=w.shape)) * 0.5 + 0.1 for w in model.get_weights()])
    for layer in model.layers:  # signs everywhere but in variances
        if "batch_normalization" not in layer.name and "norm" not in layer.name:
            layer.set_weights([w * draw.choice([-1, 1], w.shape) for w in layer.get_weights()])
    return model


def many_layers():
    """One of each thing that Keras 2 says otherwise than Keras 3."""
    x = K.Input((8, 4), name="x")
    h = K.Conv1D(3, 3, activation="hard_sigmoid", name="conv")(x)
    h = K.BatchNormalization(name="norm", trainable=False)(h)
    h = K.LeakyReLU(0.1, name="leaky")(h * 0.5 + 1.0)
    inner = keras2.Sequential(
        [K.Input((6, 3)), K.Dense(4, name="in_a"), K.Dense(3, name="in_b")], name="inner"
    )
    h = K.LSTM(4, recurrent_activation="hard_sigmoid", return_sequences=True, name="lstm")(inner(h))
    h = K.Bidirectional(K.GRU(3, return_sequences=True), name="both")(h)
    h = K.TimeDistributed(K.Dense(4, activation="relu"), name="each")(h)
    h = K.Concatenate(name="joined")(
        [K.Flatten(name="flat")(h[:, 1:, :2]), K.GlobalMaxPooling1D(name="top")(h)]
    )
    return randomized(keras2.Model(x, K.Dense(2, activation="softmax", name="out")(h), name="net"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One model of Keras 2 in every form, and what it gives."""
    place, model = tmp_path_factory.mktemp("keras2"), many_layers()
    model.save(place / "net.keras")
    model.save(place / "net.h5")
    (place / "net.json").write_text(model.to_json())
    model.save_weights(place / "net_weights.h5")
    (place / "alone.json").write_text(model.to_json())
    model.save_weights(place / "alone.weights.h5")
    np.save(place / "outputs.npy", model(X).numpy())
    return place


@pytest.mark.parametrize(
    "name",
    ["net.keras", "net.h5", "net.json", "alone.json", pytest.param("net_folder", marks=pytest.mark.slow)],
)
def test_each_file_of_keras_2_gives_what_keras_2_computes(folder, name):
    if name == "net_folder":  # TensorFlow traces every layer for it
        many_layers().save(folder / name, save_format="tf")
    found = load_model(name, folder)

    assert np.allclose(found.predict(X, verbose=0), np.load(folder / "outputs.npy"), atol=2e-6)
    assert not found.get_layer("norm").trainable
    assert found.get_layer("lstm").recurrent_activation.__name__ == "hard_sigmoid"


def test_the_outputs_are_compared_with_keras_2_s_own_before_the_model_is_searched(folder, monkeypatch):
    from bitfront.search.model_files import keras2_layers

    monkeypatch.setattr(keras2_layers, "_STRETCH", 1.0)  # as if both hard_sigmoids were one
    with pytest.raises(UserError, match="other outputs in Keras 3 than in Keras 2"):
        load_model("net.h5", folder)


def test_a_graph_of_tensorflow_is_not_run_where_a_saved_model_is_read(tmp_path, monkeypatch):
    import tensorflow as tf

    keras2.Sequential([K.Input((3,)), K.Dense(2, name="d")]).save(tmp_path / "net_folder", save_format="tf")

    def never(*_, **__):
        raise AssertionError("the graph was loaded")

    for module in (tf.saved_model, keras2.models):
        monkeypatch.setattr(module, "load" if module is tf.saved_model else "load_model", never)

    assert load_model("net_folder", tmp_path).get_layer("d").units == 2


def small():
    x = keras.Input((8, 4), name="x")
    h = keras.layers.Conv1D(2, 3, activation="relu", name="conv")(x)
    h = keras.layers.BatchNormalization(name="norm")(keras.layers.Flatten(name="flat")(h))
    return keras.Model(x, keras.layers.Dense(3, name="out")(h), name="small")


@pytest.mark.parametrize("name", ["net.keras", "net.h5"])
def test_each_file_of_keras_3_gives_what_it_computes(tmp_path, name):
    model = small()
    model.save(tmp_path / name)

    assert np.array_equal(load_model(name, tmp_path)(X), model(X))


@pytest.mark.parametrize("kind", ["keras 3", "keras 3, old", "keras 2", "keras 2, as a tree"])
def test_weights_alone_go_into_the_function_s_model(tmp_path, kind):
    (tmp_path / "m.py").write_text(
        "import keras\n"
        "def build():\n"
        "    x = keras.Input((8, 4), name='x')\n"
        "    h = keras.layers.Conv1D(2, 3, activation='relu', name='conv')(x)\n"
        "    h = keras.layers.BatchNormalization(name='norm')(keras.layers.Flatten(name='flat')(h))\n"
        "    return keras.Model(x, keras.layers.Dense(3, name='out')(h))\n"
    )
    if kind.startswith("keras 3"):
        model = small()
    else:
        x = K.Input((8, 4))
        h = K.Flatten()(K.Conv1D(2, 3, activation="relu")(x))  # named otherwise than the function's
        model = keras2.Model(x, K.Dense(3)(K.BatchNormalization()(h)))
    randomized(model)
    if kind == "keras 3, old":
        model.save(tmp_path / "w.h5")
        name = "w.h5"
    else:
        name = "w.h5" if kind == "keras 2" else "w.weights.h5"
        model.save_weights(tmp_path / name)
    found = load_model("m.py:build", tmp_path, weights=name)

    assert np.allclose(found(X), np.asarray(model(X)), atol=1e-5)


def test_a_model_with_a_file_of_weights_is_not_trained_again(tmp_path):
    from bitfront.search.config import StudyConfig
    from bitfront.search.problem.load import load_problem

    (tmp_path / "m.py").write_text(
        "import keras\ndef build():\n"
        "    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, name='d')])\n"
    )
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, name="d")])
    model.save_weights(tmp_path / "w.weights.h5")
    x = np.zeros((40, 3), np.float32)
    data = {f"{a}_{s}": x if a == "x" else x[:, 0] for a in "xy" for s in ("train", "val", "test")}
    config = StudyConfig(model="m.py:build", model_weights="w.weights.h5", data=data, task="regression")
    problem = load_problem(config, tmp_path)

    assert not problem.needs_training
    assert np.array_equal(problem.model.get_weights()[0], model.get_weights()[0])


# -- layers that no Keras of today knows ---------------------------------------------------------------------


def old_layer(kind, name, **config):
    return {"class_name": kind, "config": {"name": name, "trainable": True, **config}}


def binary_network(folder, kind, activation):
    """Write a Sequential as Keras 2.0.5 did, whose configuration is a list; return its arrays by layer."""
    dense = {"activation": "linear", "use_bias": False, "H": 1, "kernel_lr_multiplier": 7.3}
    dense["kernel_constraint"] = {"class_name": "Clip", "config": {"max_value": 1, "min_value": -1}}
    norm = {"axis": -1, "epsilon": 1e-6, "center": True, "scale": True, "momentum": 0.9}
    layers = [
        old_layer(kind, "fc1", units=5, batch_input_shape=[None, 6], dtype="float32", **dense),
        old_layer("BatchNormalization", "bn1", **norm),
        old_layer("Activation", "act1", activation=activation),
        old_layer(kind, "fc2", units=3, **dense),
        old_layer("BatchNormalization", "bn2", **norm),
    ]
    saved = {"class_name": "Sequential", "config": layers, "keras_version": "2.0.5", "backend": "tensorflow"}
    (folder / "net.json").write_text(json.dumps(saved))
    draw, arrays = np.random.default_rng(1), {}
    for name, size, width in (("fc1", 6, 5), ("fc2", 5, 3)):
        arrays[name] = {"kernel": draw.uniform(-1, 1, (size, width))}
    for name, width in (("bn1", 5), ("bn2", 3)):
        keys = ("gamma", "beta", "moving_mean", "moving_variance")
        arrays[name] = {key: draw.uniform(0.5, 1.5, width) * (-1) ** i for i, key in enumerate(keys)}
        arrays[name]["moving_variance"] = np.abs(arrays[name]["moving_variance"])
    with h5py.File(folder / "net_weights.h5", "w") as file:
        file.attrs["layer_names"] = [b"fc1", b"bn1", b"act1", b"fc2", b"bn2"]
        for layer in ("fc1", "bn1", "act1", "fc2", "bn2"):
            group = file.create_group(layer)
            names = [f"{layer}/{key}:0" for key in arrays.get(layer, {})]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, value in zip(names, arrays.get(layer, {}).values(), strict=True):
                group[name] = value.astype(np.float32)
    return arrays


def normalized(x, a):
    return (x - a["moving_mean"]) / np.sqrt(a["moving_variance"] + 1e-6) * a["gamma"] + a["beta"]


@pytest.mark.parametrize(
    ("kind", "activation"),
    [
        ("TernaryDense", "ternary_tanh"),
        ("BinaryDense", "relu1"),
        ("BinaryDense", "ternary_tanh"),
    ],
)
def test_hls4ml_s_binary_and_ternary_networks_are_read(tmp_path, kind, activation):
    """hls4ml's rules: signs; 1 above 0.5, -1 below -0.5, else 0. NumPy computes the same."""
    a = binary_network(tmp_path, kind, activation)
    rounded = {
        "BinaryDense": lambda k: np.where(k >= 0, 1, -1),
        "TernaryDense": lambda k: np.where(k > 0.5, 1, np.where(k <= -0.5, -1, 0)),
    }[kind]
    curve = {
        "ternary_tanh": lambda x: np.clip(np.round(x), -1, 1),
        "relu1": lambda x: np.clip(x, 0, 1),
    }[activation]
    x = np.random.default_rng(2).normal(size=(64, 6)).astype(np.float32)
    hidden = curve(normalized(x @ rounded(a["fc1"]["kernel"]), a["bn1"]))
    wanted = normalized(hidden @ rounded(a["fc2"]["kernel"]), a["bn2"])
    found = load_model("net.json", tmp_path)

    assert np.allclose(found(x), wanted, atol=1e-4)
    check_model(found)


def test_a_garnet_of_keras_2_is_read_as_the_operations_that_it_is_made_of(tmp_path):
    """NumPy computes hls4ml's layer: weights exp(-d^2) between vertices and aggregators, vertices masked."""
    vertices, values, aggregators, features, filters = 4, 3, 2, 3, 2
    draw = np.random.default_rng(6)
    sizes = ((values, features), (values, aggregators), (aggregators * features, filters))
    arrays = [draw.normal(size=shape).astype("f4") for size in sizes for shape in (size, size[1:])]
    config = {
        "simplified": True, "collapse": "mean", "input_format": "xn", "output_activation": None,
        "quantize_transforms": False, "mean_by_nvert": False, "n_aggregators": aggregators,
        "n_filters": filters, "n_propagate": features,
    }  # fmt: skip
    layers = [
        old_layer("InputLayer", "x", batch_input_shape=[None, vertices, values], dtype="float32"),
        old_layer("InputLayer", "n", batch_input_shape=[None, 1], dtype="int32"),
        old_layer("GarNet", "gar", **config),
    ]
    for one in layers:
        one |= {"name": one["config"]["name"], "inbound_nodes": []}
    layers[2]["inbound_nodes"] = [[["x", 0, 0, {}], ["n", 0, 0, {}]]]
    inner = {"layers": layers, "input_layers": [["x", 0, 0], ["n", 0, 0]], "output_layers": [["gar", 0, 0]]}
    (tmp_path / "net.json").write_text(json.dumps({"class_name": "Model", "config": inner}))
    names = [f"gar/{part}_{role}:0" for part in ("FLR", "S", "Fout") for role in ("kernel", "bias")]
    with h5py.File(tmp_path / "net.h5", "w") as file:
        file.attrs["layer_names"] = [b"gar"]
        file.create_group("gar").attrs["weight_names"] = [name.encode() for name in names]
        for name, array in zip(names, arrays, strict=True):
            file["gar"][name] = array
    x, number = draw.normal(size=(9, vertices, values)).astype("f4"), draw.integers(0, 5, (9, 1)).astype("f4")
    flr, flr_bias, s, s_bias, out, out_bias = arrays
    mask = (np.arange(vertices) < number)[..., None]
    near = mask * np.exp(-((x @ s + s_bias) ** 2))
    gathered = np.einsum("bvs,bvf->bsf", near, x @ flr + flr_bias) / vertices
    spread = np.einsum("bvs,bsf->bvsf", near, gathered).reshape(9, vertices, -1)
    wanted = (mask * (spread @ out + out_bias)).mean(1)
    model = load_model("net.json", tmp_path)

    assert np.allclose(model([x, number]), wanted, atol=1e-5)
    check_model(model, [x, number])


def test_a_qkeras_model_of_keras_2_is_read_with_its_quantizers(tmp_path):
    """QKeras 0.9 saved quantizers as text, or with their class; NumPy computes the same."""
    bits = {
        "class_name": "quantized_bits",
        "config": {"bits": 4, "integer": 0, "symmetric": 1, "alpha": 1, "keep_negative": True},
    }
    dense = {"activation": "linear", "use_bias": True, "kernel_range": None, "bias_range": None}
    dense["kernel_initializer"] = {"class_name": "QInitializer", "config": {"quantizer": bits}}
    layers = [
        old_layer("InputLayer", "x", batch_input_shape=[None, 4], dtype="float32", sparse=False),
        old_layer("QActivation", "q0", activation="quantized_relu(2)"),
        old_layer("QDense", "d1", units=3, kernel_quantizer=bits, bias_quantizer=bits, **dense),
        old_layer("QActivation", "q1", activation={"class_name": "quantized_relu", "config": {"bits": 3}}),
    ]
    saved = {"class_name": "Sequential", "config": {"name": "s", "layers": layers}, "keras_version": "2.4.0"}
    (tmp_path / "net.json").write_text(json.dumps(saved))
    draw = np.random.default_rng(4)
    kernel, bias = draw.normal(size=(4, 3)), draw.normal(size=3)
    with h5py.File(tmp_path / "net.h5", "w") as file:
        file.attrs["layer_names"] = [b"d1"]
        group = file.create_group("d1")
        group.attrs["weight_names"] = [b"d1/kernel:0", b"d1/bias:0"]
        group["d1/kernel:0"], group["d1/bias:0"] = kernel.astype("f4"), bias.astype("f4")

    def four_bits(w):
        return np.clip(np.round(w * 8), -7, 7) / 8

    def relu(x, bits):
        return np.clip(np.round(x * 2**bits), 0, 2**bits - 1) / 2**bits

    x = draw.normal(size=(64, 4)).astype(np.float32)
    wanted = relu(relu(x, 2) @ four_bits(kernel) + four_bits(bias), 3)
    found = load_model("net.json", tmp_path)

    assert np.array_equal(np.asarray(found(x)), wanted.astype(np.float32))
    check_model(found)


# -- what isn't sound ----------------------------------------------------------------------------------------


def cut(folder):
    content = (folder / "net.h5").read_bytes()
    (folder / "net.h5").write_bytes(content[: len(content) // 2])
    return "net.h5"


def links(folder):
    with h5py.File(folder / "net.h5", "r+") as file:
        group = file["model_weights/d/d"]
        del group["kernel:0"]
        group["kernel:0"] = h5py.ExternalLink("/etc/passwd", "/x")
    return "net.h5"


def without_model(folder):
    with h5py.File(folder / "net.h5", "r+") as file:
        del file.attrs["model_config"]
    return "net.h5"


def with_option(folder):
    with h5py.File(folder / "net.h5", "r+") as file:
        text = file.attrs["model_config"]
        file.attrs["model_config"] = text.replace('"units": 2', '"units": 2, "mirror": true')
    return "net.h5"


def fewer_arrays(folder):
    with h5py.File(folder / "net.h5", "r+") as file:
        file["model_weights/d"].attrs["weight_names"] = [b"d/kernel:0"]
    return "net.h5"


def with_lambda(folder):
    with h5py.File(folder / "net.h5", "r+") as file:
        text = file.attrs["model_config"]
        file.attrs["model_config"] = text.replace('"class_name": "Dense"', '"class_name": "Lambda"')
    return "net.h5"


def no_weights(folder):
    (folder / "bare.json").write_text((folder / "net.json").read_text())
    return "bare.json"


def no_metadata(folder):
    (folder / "graph").mkdir()
    (folder / "graph" / "saved_model.pb").write_bytes(b"")
    return "graph"


def no_json(folder):
    (folder / "net.json").write_text("{")
    return "net.json"


def no_weights_in_archive(folder):
    with zipfile.ZipFile(folder / "net.keras") as old, zipfile.ZipFile(folder / "new.keras", "w") as new:
        for name in ("config.json", "metadata.json"):
            new.writestr(name, old.read(name))
    return "new.keras"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (cut, "isn't a sound HDF5 file"),
        (links, "refers to other files"),
        (without_model, "holds weights alone: name the function that builds the model"),
        (with_option, "has the option mirror=True, which Keras 3's Dense hasn't"),
        (fewer_arrays, "layer 'd' has 2 arrays of weights, the file 1 of that name"),
        (with_lambda, "holds a Lambda layer"),
        (no_weights, "has no weights beside it: name their .h5 file as model_weights"),
        (no_metadata, "holds a graph without its Keras layers"),
        (no_json, "isn't sound JSON"),
        (no_weights_in_archive, r"isn't a sound \.keras file"),
        (lambda folder: "absent.h5", r"there's no file .*absent\.h5"),
    ],
)
def test_a_file_that_can_t_be_read_is_refused_in_one_sentence(tmp_path, spoil, said):
    model = keras2.Sequential([K.Input((3,)), K.Dense(2, name="d")])
    model.save(tmp_path / "net.h5")
    model.save(tmp_path / "net.keras")
    (tmp_path / "net.json").write_text(model.to_json())

    with pytest.raises(UserError, match=said) as caught:
        load_model(spoil(tmp_path), tmp_path)
    assert str(caught.value).count("\n") == 0


def test_every_ending_of_a_model_file_is_known():
    assert SUFFIXES == (".keras", ".h5", ".hdf5", ".json", ".onnx", ".pt2", ".pt", ".pth")
