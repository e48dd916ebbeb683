"""Nothing that Vitis HLS is known to refuse is in an export, and each such thing would be found there."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import keras
import pytest
from zoo import needs_compiler, randomize

from bitfront.hls import buildable_with, convert, hls_config, to_keras
from bitfront.hls.backends.amd import PRAGMAS, REFUSED, read_pragma
from bitfront.hls.precision import uniform_types
from bitfront.hls.synthesis import check_firmware
from bitfront.hls.target import Target
from bitfront.spaces import FixedPoint, LayerHardware, lower

L = keras.layers
ROOT = Path(__file__).parents[1]
OWN = sorted((ROOT / "hls" / "hls4ml_project" / "firmware").glob("*.h"))


@pytest.mark.parametrize(
    "text",
    [
        "PIPELINE",
        "PIPELINE II = CONFIG_T::reuse_factor * 2 rewind",
        "pipeline off",
        "ARRAY_PARTITION variable=weights complete dim=0",
        "ARRAY_RESHAPE   variable=data block factor=block_factor",
        "array_partition variable = line_buffer type=complete dim = 2",
        "INTERFACE ap_vld port=x,y ",
        "INTERFACE axis port=x",
        "ALLOCATION operation instances=mul limit=CONFIG_T::multiplier_limit",
        "allocation instances=compute limit=1 function",
        "STREAM variable=layer2_out depth=64",
        "INLINE recursive",
        "INLINE",
        "DATAFLOW",
        "UNROLL factor = 4",
        "function_instantiate variable=weights,biases",
        "BIND_STORAGE variable=weights type=rom_np impl=bram",
        "LOOP_FLATTEN",
    ],
)
def test_a_pragma_that_vitis_knows_is_read_without_a_complaint(text):
    found = read_pragma(text)
    assert (found.problem, found.warning) == (None, None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ARRAY_MAP variable=a instance=b", "no directive"),
        ("PIPELIN II=1", "no directive"),
        ("PIPELINE I=1", "no option 'i'"),
        ("PIPELINE rewnd", "no option 'rewnd'"),
        ("ARRAY_PARTITION complete", "lacks variable="),
        ("ALLOCATION operation instances=mul", "lacks limit="),
        ("STREAM depth=4", "lacks variable="),
        ("DATAFLOW now", "no option 'now'"),
    ],
)
def test_a_pragma_that_vitis_does_not_know_is_refused(text, said):
    assert said in str(read_pragma(text).problem)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("INLINE region", "207-5538"),
        ("data_pack variable=x struct_level", "207-5514"),
        ("RESOURCE variable=weights core=ROM_nP_BRAM", "bind_storage"),
        ("PIPELINE enable_flush", "style=flp"),
    ],
)
def test_a_pragma_of_vivado_hls_is_accepted_with_what_vitis_says_of_it(text, said):
    found = read_pragma(text)
    assert found.problem is None
    assert said in str(found.warning)


def test_every_known_directive_needs_only_options_that_it_has():
    for name, one in PRAGMAS.items():
        assert name == name.lower()
        assert set(one.required) <= set(one.options), name


@pytest.mark.parametrize("header", OWN, ids=lambda path: path.name)
def test_our_own_firmware_has_no_pragma_that_vitis_takes_with_a_warning(header):
    found = [
        read_pragma(match[1])
        for match in re.finditer(
            r"#\s*pragma\s+HLS\s+([^\n]*?)(?://[^\n]*)?$", header.read_text(), re.MULTILINE
        )
    ]
    assert found
    assert [(one.name, one.problem, one.warning) for one in found if one.problem or one.warning] == []


def mlp():
    x = i = keras.Input((12,))
    for n in (10, 8):
        x = L.Dense(n, activation="relu")(x)
    return keras.Model(i, L.Softmax()(L.Dense(4)(x)))


def cnn():
    i = keras.Input((6, 6, 1))
    x = L.BatchNormalization()(L.MaxPooling2D(2)(L.Conv2D(3, 3, activation="relu", padding="same")(i)))
    x = L.Add()([x, L.Conv2D(3, 3, padding="same")(x)])
    return keras.Model(i, L.Dense(3)(L.Flatten()(L.AveragePooling2D(3)(x))))


def rnn():
    i = keras.Input((5, 3))
    x = L.GRU(4)(L.LSTM(4, return_sequences=True)(i))
    return keras.Model(i, L.Dense(2, activation="sigmoid")(x))


def transformer():
    i = keras.Input((4, 6))
    x = L.LayerNormalization()(L.Add()([i, L.MultiHeadAttention(2, 3)(i, i)]))
    x = L.LayerNormalization()(L.Add()([x, L.Dense(6)(L.Dense(8, activation="relu")(x))]))
    return keras.Model(i, L.Dense(2)(L.GlobalAveragePooling1D()(x)))


FAMILIES = {"mlp": mlp, "cnn": cnn, "rnn": rnn, "transformer": transformer}
EXPORTS = [
    (family, io_type, strategy)
    for family in FAMILIES
    for io_type in ("io_parallel", "io_stream")
    for strategy in ("Latency", "Resource")
    if family != "transformer" or (io_type, strategy) == ("io_parallel", "Latency")
]
FAST = [
    ("mlp", "io_parallel", "Latency"),
    ("cnn", "io_stream", "Resource"),
]


def export(folder, family, io_type="io_parallel", strategy="Latency"):
    """Write a project of a family with weights made on the spot."""
    model = FAMILIES[family]()
    randomize(model, 0)
    graph = lower(model, head="keep")
    types = uniform_types(graph, FixedPoint.parse("fixed<10,4>"))
    plain = to_keras(graph, graph.weights, types)
    hardware = LayerHardware(strategy=strategy, reuse_factor=4 if strategy == "Resource" else 1)
    config = hls_config(graph, types, plain, hardware, Target(io_type=io_type))
    return convert(plain, config, folder, io_type=io_type, part="xcvu13p-flga2577-2-e").write().folder


ACCEPTED = {
    (
        "nnet_dense_resource.h",
        "RESOURCE variable=weights core=ROM_nP_BRAM",
    ): "hls4ml writes it for Vivado HLS too, which has no bind_storage; Vitis reads it as that",
}
"""Pragmas of hls4ml that Vitis takes with a warning -> why they stay."""


@needs_compiler
@pytest.mark.parametrize(
    ("family", "io_type", "strategy"),
    [pytest.param(*one, marks=() if one in FAST else pytest.mark.slow, id="-".join(one)) for one in EXPORTS],
)
def test_an_export_has_nothing_that_vitis_is_known_to_refuse(tmp_path, family, io_type, strategy):
    found = check_firmware(export(tmp_path / "project", family, io_type, strategy), "bitfront")
    assert [str(one) for one in found.refused] == []
    assert found.pragmas > 100
    assert found.functions > 5
    accepted = {(Path(one.place.split(":")[0]).name, one.what) for one in found.findings if not one.refused}
    unstated = {
        (file, what)
        for file, what in accepted
        if not any(file == known and text in what for known, text in ACCEPTED)
    }
    assert unstated == set()


def test_a_transformer_has_no_stream_of_its_own_to_be_checked():
    built = buildable_with(lower(transformer(), head="keep"))
    assert set(built) == {"io_parallel"}
    assert "Resource" not in built["io_parallel"]


# One project with everything that is refused: each finding must name the place that it is at.
BAD = """
#include "ap_fixed.h"
#include "ap_int.h"
#include "hls_stream.h"
#include <cstdio>
#include <cstdlib>
#include <vector>
#include "weights/w9.h"
#pragma HLS PIPELINE

typedef ap_fixed<2000, 6> wide_t;
typedef ap_fixed<8, 4> small_t;
struct config1 { static const unsigned n = 4; typedef small_t table_t; };

int again(int n) { return n < 2 ? 1 : n * again(n - 1); } // recursion

template <int N> int down() { return 1 + down<N - 1>(); }
template <> int down<0>() { return 0; }

int twice(int n) { return 2 * n; }
int through(int (*f)(int), int n) { return f(n); } // function-pointer

void grow(int n, int *out) {
    int many[n];
    for (int i = 0; i < n; i++) many[i] = i;
    *out = many[n - 1];
}

void heap(int *out) {
    int *one = new int[4]; // dynamic-memory
    *out = one[0];
    delete[] one;
}

void prints(int *out) { std::printf("%d", *out); }

void library(int *out) {
    std::vector<int> all(4);
    *out = (int)all.size();
}

void words(int *out) {
    float f = 1;
    *out = *reinterpret_cast<int *>(&f); // cast
    goto end;
end:
    return;
}

template <class CONFIG_T> void table(int *out) {
    typename CONFIG_T::table_t lost_table[CONFIG_T::n];
    *out = (int)lost_table[0];
}

void pragmas(int data[8], int *out) {
    #pragma HLS ARRAY_MAP variable=data instance=all
    #pragma HLS ARRAY_PARTITION variable=nowhere complete
    hls::stream<int> many[4];
    int depth_of = *out;
    for (unsigned i = 0; i < 4; i++) {
        #pragma HLS STREAM variable=many[i] depth=2
        #pragma HLS UNROLL factor=depth_of
        many[i].write(data[i]);
    }
    *out = many[0].read();
}

void produce(int *in, hls::stream<int> &out) { out.write(*in); }
void consume(hls::stream<int> &in, int *out) { *out = in.read(); }
void copy(int in[8], int out[8]) { for (int i = 0; i < 8; i++) out[i] = in[i]; }

void region(int in[8], int out[8], int last[8]) {
    #pragma HLS DATAFLOW
    hls::stream<int> twice_read;
    static int kept[8];
    int shared[8];
    int fine[8];
    #pragma HLS ARRAY_PARTITION variable=fine complete dim=0
    copy(in, shared);
    copy(shared, kept);
    copy(shared, fine);
    copy(fine, out);
    produce(in, twice_read);
    consume(twice_read, last);
    consume(twice_read, last);
    out[0] = 1;
}

void process(small_t x[8], int out[1]) {
    int a = again(3) + down<3>() + through(twice, 2);
    wide_t w = x[0];
    int large[5000];
    #pragma HLS ARRAY_PARTITION variable=large complete dim=0
    grow(a, out);
    heap(out);
    prints(out);
    library(out);
    words(out);
    table<config1>(out);
    pragmas(large, out);
    region(large, large, large);
    *out += a + (int)w + w9[0];
}
"""
EXPECTED = {
    "unknown-pragma": "ARRAY_MAP",
    "pragma-outside-function": "#pragma HLS PIPELINE",
    "pragma-of-unknown-variable": "nowhere",
    "pragma-value-not-constant": "factor=depth_of",
    "recursion": "again",
    "dynamic-memory": "operator new",
    "system-call": "printf",
    "standard-library": "std::vector",
    "function-pointer": "through",
    "variable-length-array": "grow",
    "forbidden-word": "cast of a pointer",
    "type-width": "ap_fixed<2000>",
    "stream-use": "twice_read of region: 1 writers, 2 readers",
    "array-use": "shared of region: 1 writers, 2 readers",
    "static-in-dataflow": "static int kept[8]",
    "dataflow-statement": "out[0] = 1",
    "array-of-streams": "many[i]",
    "partition-limit": "large: 5000",
    "name": "'process'",
    "path": "blank",
    "table-in-simulation-only": "w9.h",
}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Check the project that has everything that is refused."""
    project = tmp_path_factory.mktemp("bad project")
    import hls4ml

    types = Path(hls4ml.__file__).parent / "templates" / "vivado" / "ap_types"
    shutil.copytree(types, project / "firmware" / "ap_types")
    (project / "firmware" / "weights").mkdir()
    (project / "firmware" / "weights" / "w9.h").write_text(
        "#ifndef __SYNTHESIS__\nint w9[2] = {1, 2};\n#else\nint w9[2];\n#endif\n"
    )
    (project / "firmware" / "process.cpp").write_text(BAD)
    return check_firmware(project, "process")


@needs_compiler
@pytest.mark.parametrize("rule", sorted(set(REFUSED) - {"does-not-compile"}))
def test_everything_that_is_refused_is_found(found, rule):
    said = [one for one in found.findings if one.rule == rule]
    assert any(EXPECTED[rule] in f"{one.place} {one.what}" for one in said), [
        str(one) for one in found.findings
    ]


@needs_compiler
def test_what_is_allowed_is_not_found(found):
    text = "\n".join(str(one) for one in found.findings)
    assert "down" not in text  # templates may call other instances of themselves
    assert "fine of region" not in text  # completely partitioned: scalars
    assert "lost_table" in text


@needs_compiler
def test_firmware_that_does_not_compile_is_quoted(tmp_path):
    (tmp_path / "firmware").mkdir()
    (tmp_path / "firmware" / "net.cpp").write_text("void net() { undeclared(); }\n")
    found = check_firmware(tmp_path, "net")
    assert {one.rule for one in found.findings} == {"does-not-compile"}


def test_every_refusal_has_a_reason_and_a_source():
    for key, one in REFUSED.items():
        assert key == one.key
        assert one.reason.endswith(".")
        assert len(one.source) > 10
