"""What is more than a layer of one input: merges, attention, einsum layers, bare operations, shared and
nested layers.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from hypothesis import strategies as st

from .kinds import ACTIVATION, LAYERS, NO, RARE_ACTIVATION, SMALL, USERS, Draw, Kind, pick
from .operations import bare
from .program import Program
from .quantized import QUANTIZED
from .user_layers import FUNCTIONS

Structure = Callable[[Draw, Program, str, bool], str | None]
"""Appends lines that read a tensor, and returns the name of what they give; None where Keras refuses them."""


def usable(kinds: tuple[Kind, ...], rank: int, odd: bool) -> list[Kind]:
    """Return the kinds that take a tensor of a rank."""
    return [kind for kind in kinds if rank in kind.ranks and (odd or not kind.odd)]


def written(draw: Draw, program: Program, kind: Kind, odd: bool) -> str:
    """Return a layer's text; the user's code that it needs is there afterwards."""
    if kind.snippet:
        program.use(kind.snippet)
    text = kind.write(draw, odd)
    for name in FUNCTIONS:
        if f"={name}," in text or f"={name})" in text or f"({name})" in text:
            program.use(name)
    return text


def one_layer(draw: Draw, program: Program, x: str, odd: bool) -> str | None:
    """Append a layer of Keras, QKeras or the user on one tensor."""
    rank = len(program.shape(x))
    pools = [LAYERS] if not odd else [LAYERS, LAYERS, QUANTIZED, QUANTIZED, USERS]
    kinds = usable(draw(st.sampled_from(pools)), rank, odd)
    if not kinds:
        return None
    text = written(draw, program, draw(st.sampled_from(kinds)), odd)
    return program.apply(f"{text}({x})")


def reshape(draw: Draw, program: Program, x: str, odd: bool) -> str | None:
    """Append a reshape to any shape of as many values."""
    size = prod(n or 1 for n in program.shape(x))
    divisors = [d for d in range(1, size + 1) if size % d == 0]
    first = draw(st.sampled_from(divisors))
    second = draw(st.sampled_from([d for d in divisors if (size // first) % d == 0]))
    target = draw(
        st.sampled_from(
            [(size,), (first, size // first), (first, second, size // first // second), (-1, first)]
        )
    )
    return program.apply(f"L.Reshape({target})({x})")


def merge(draw: Draw, program: Program, x: str, odd: bool) -> str | None:
    """Append a merge layer on tensors of one shape; in odd models of any shape, or of one tensor twice."""
    others = list(program.tensors) if odd else [name for name in program.alike(x) if name != x]
    if not others:
        return None
    chosen = draw(st.lists(st.sampled_from(others), min_size=1, max_size=3, unique=not odd))
    names = ", ".join([x, *chosen])
    which = draw(st.sampled_from(("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum")))
    if odd and draw(st.integers(0, 5)) == 5:
        return program.apply(f"L.Dot(axes={draw(st.sampled_from((-1, 1, (2, 1))))})([{x}, {chosen[0]}])")
    if odd and draw(st.integers(0, 7)) == 7:
        program.use("MyAdd")
        return program.apply(f"Add()([{names}])")
    return program.apply(f"L.{which}()([{names}])")


def concatenate(draw: Draw, program: Program, x: str, odd: bool) -> str | None:
    """Append a concatenation along any axis."""
    rank = len(program.shape(x))
    others = [name for name in program.tensors if len(program.shape(name)) == rank and (odd or name != x)]
    if not others:
        return None
    chosen = draw(st.lists(st.sampled_from(others), min_size=1, max_size=3, unique=not odd))
    axis = draw(st.sampled_from((-1, *range(1, rank + 1), -2)))
    return program.apply(f"L.Concatenate(axis={axis})([{', '.join([x, *chosen])}])")


def residual(draw: Draw, program: Program, x: str, odd: bool) -> str | None:
    """Append a layer that keeps the shape, and the sum of what goes in and comes out."""
    rank, width = len(program.shape(x)), program.width(x)
    act = pick(draw, ACTIVATION)
    layers = {
        1: [f"L.Dense({width}, activation={act})"],
        2: [
            f"L.Dense({width}, activation={act})",
            f"L.Conv1D({width}, 3, padding='same')",
            f"L.LSTM({width}, return_sequences=True)",
        ],
        3: [f"L.Conv2D({width}, 3, padding='same', activation={act})", f"L.Dense({width})"],
    }
    if rank not in layers:
        return None
    y = program.apply(f"{draw(st.sampled_from(layers[rank]))}({x})")
    if y is None:
        return None
    return program.apply(
        draw(
            st.sampled_from(
                (f"L.Add()([{x}, {y}])", f"{x} + {y}", f"L.Add()([{y}, {x}])", f"L.Multiply()([{x}, {y}])")
            )
        )
    )


def attention(draw: Draw, program: Program, x: str, odd: bool) -> str | None:
    """Append multi-head attention of a sequence on itself or on another one."""
    rank = len(program.shape(x))
    if rank != 2 and not (odd and rank == 3):
        return None
    options = [f"{draw(st.integers(1, 2))}, {draw(st.integers(1, 3))}"]
    wanted = {"value_dim": SMALL, "use_bias": NO[1:], "output_shape": SMALL, "dropout": ("0.2",)}
    if odd:
        wanted |= {
            "attention_axes": ("1", "2", "(1, 2)"),
            "flash_attention": ("False",),
            "use_gate": ("True",),
        }
    for name, values in wanted.items():
        if draw(st.integers(0, 3)) == 3:
            options.append(f"{name}={pick(draw, values)}")
    others = [name for name in program.tensors if len(program.shape(name)) == rank]
    value = draw(st.sampled_from([x, *others]))
    keys = [name for name in others if program.shape(name)[0] == program.shape(value)[0]]
    call = [x, value, *([draw(st.sampled_from(keys))] if keys and draw(st.booleans()) else [])]
    if odd and draw(st.integers(0, 2)) == 2:
        call.append(
            draw(
                st.sampled_from(
                    ("use_causal_mask=True", "attention_mask=np.tri(4, dtype=bool)[None]", "training=True")
                )
            )
        )
    if odd and draw(st.integers(0, 5)) == 5:
        return program.apply(
            f"L.MultiHeadAttention({', '.join(options)})({', '.join(call)}, "
            f"return_attention_scores=True)[{draw(st.integers(0, 1))}]"
        )
    if odd and draw(st.integers(0, 5)) == 5:
        return program.apply(f"L.GroupedQueryAttention(2, 2, 1)({', '.join(call[:2])})")
    if odd and draw(st.integers(0, 5)) == 5:
        return program.apply(
            f"L.{draw(st.sampled_from(('Attention', 'AdditiveAttention')))}()([{x}, {value}])"
        )
    return program.apply(f"L.MultiHeadAttention({', '.join(options)})({', '.join(call)})")


_EQUATIONS = {
    1: (
        ("ab,bc->ac", "c"),
        ("...x,xy->...y", "y"),
        ("ab,b->a", ""),
        ("ab,bc->ca", "c"),
        ("ab,bcd->acd", "cd"),
        ("ab,bcd->adc", "dc"),
        ("ab,b->ab", "b"),
        ("ab,cb->ac", "c"),
        ("ab,cd->ac", "c"),
    ),
    2: (
        ("abc,cd->abd", "bd"),
        ("...x,xy->...y", "y"),
        ("abc,bcd->abd", "bd"),
        ("abc,bd->adc", "dc"),
        ("abc,cde->abde", "bde"),
        ("abc,cd->adb", "db"),
        ("abc,bcd->ad", "d"),
        ("abc,dbc->ad", "d"),
        ("abc,bc->abc", "bc"),
        ("abc,c->ab", "b"),
        ("abc,cbd->abd", "bd"),
        ("abc,d->abd", "bd"),
    ),
    3: (
        ("abcd,cde->abe", "be"),
        ("abcd,de->abce", "bce"),
        ("abcd,bcde->ae", "e"),
        ("...x,xy->...y", "y"),
        ("abcd,ce->abed", "bed"),
    ),
}


def einsum_dense(draw: Draw, program: Program, x: str, odd: bool) -> str | None:
    """Append an EinsumDense of any equation, some of which sum an axis alone or move axes."""
    shape = program.shape(x)
    if len(shape) not in _EQUATIONS:
        return None
    equation, letters = draw(st.sampled_from(_EQUATIONS[len(shape)]))
    data = equation.partition(",")[0]
    sizes = dict(zip(data[1:], shape, strict=False)) if "..." not in data else {}
    out = [sizes[c] if c in sizes else draw(st.integers(1, 3)) for c in letters]
    shown = [None, *out] if "..." in data and len(shape) > 1 else out
    if not shown:
        shown = [1]
    bias = "".join(c for c in letters if draw(st.booleans()))
    options = f", bias_axes={bias!r}" if bias else ""
    activation = pick(draw, RARE_ACTIVATION if odd and draw(st.booleans()) else ACTIVATION)
    target = repr(tuple(shown)) if len(shown) > 1 else repr(shown[0])
    for name in FUNCTIONS:
        if activation == name:
            program.use(name)
    options += "" if activation == "None" else f", activation={activation}"
    return program.apply(f"L.EinsumDense({equation!r}, {target}{options})({x})")


def bidirectional(draw: Draw, program: Program, x: str, odd: bool) -> str | None:
    """Append a recurrent layer in both directions."""
    if len(program.shape(x)) != 2:
        return None
    kinds = [kind for kind in LAYERS if kind.call in {"L.LSTM", "L.GRU", "L.SimpleRNN"}]
    first = draw(st.sampled_from(kinds[:2]))
    inner = written(draw, program, first, odd)
    options = ""
    if odd:
        mode = pick(draw, ("'concat'", "'sum'", "'mul'", "'ave'", "None"))
        options = f", merge_mode={mode}"
        if draw(st.integers(0, 3)) == 3:
            back = written(draw, program, draw(st.sampled_from(kinds)), odd)
            options += f", backward_layer={back}"
        if mode == "None":
            return program.apply(f"L.Bidirectional({inner}{options})({x})[{draw(st.integers(0, 1))}]")
    return program.apply(f"L.Bidirectional({inner}{options})({x})")


def shared(draw: Draw, program: Program, x: str, odd: bool) -> str | None:
    """Append one layer that is called twice: on its own output, or on two tensors."""
    rank, width = len(program.shape(x)), program.width(x)
    text = draw(
        st.sampled_from(
            [
                f"L.Dense({width})",
                "L.ReLU()",
                "L.BatchNormalization()",
                f"L.Dense({width}, activation='tanh')",
                "L.Activation('sigmoid')",
                "L.Dropout(0.2)",
                "L.LayerNormalization()",
                f"L.LSTM({width}, return_sequences=True)",
                f"L.Conv1D({width}, 1)",
            ][: 9 if rank == 2 else 7]
        )
    )
    layer = program.define(text)
    if layer is None:
        return None
    first = program.apply(f"{layer}({x})")
    if first is None:
        return None
    second = program.apply(f"{layer}({draw(st.sampled_from([first, *program.alike(x)]))})")
    return second if second is None else program.apply(f"L.Add()([{first}, {second}])")


def nested(draw: Draw, program: Program, x: str, odd: bool) -> str | None:
    """Append a model used as a layer, once or twice."""
    shape = program.shape(x)
    kinds = usable(LAYERS, len(shape), False)
    if not kinds:
        return None
    inner = written(draw, program, draw(st.sampled_from(kinds)), False)
    shown = ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "")
    if draw(st.booleans()):
        made = program.define(f"keras.Sequential([keras.Input(({shown})), {inner}])")
    else:
        entry = program.define(f"keras.Input(({shown}))", "i")
        end = entry and program.define(f"{inner}({entry})", "i")
        made = end and program.define(f"keras.Model({entry}, {end})")
    if not made:
        return None
    first = program.apply(f"{made}({x})")
    if first is None or draw(st.integers(0, 2)) < 2 or program.shape(first) != shape:
        return first
    return program.apply(f"{made}({first})")


def states(draw: Draw, program: Program, x: str, odd: bool) -> str | None:
    """Append a recurrent layer that is given, or gives, a state, or reads a mask."""
    if len(program.shape(x)) != 2:
        return None
    cell = draw(st.sampled_from(("LSTM", "GRU", "SimpleRNN")))
    vectors = [name for name in program.tensors if len(program.shape(name)) == 1]
    way = draw(st.sampled_from(("returned", "given", "mask", "masking", "backwards")))
    if way == "given" and vectors:
        state = draw(st.sampled_from(vectors))
        units = program.shape(state)[0]
        initial = f"[{state}, {state}]" if cell == "LSTM" else state
        return program.apply(f"L.{cell}({units})({x}, initial_state={initial})")
    if way == "mask":
        return program.apply(f"L.{cell}(2)({x}, mask=ops.any(ops.not_equal({x}, 0.0), axis=-1))")
    if way == "masking":
        masked = program.apply(f"L.Masking()({x})")
        return masked and program.apply(f"L.{cell}(2)({masked})")
    if way == "backwards":
        back = program.apply(f"L.{cell}(2, go_backwards=True, return_sequences=True)({x})")
        return back and program.apply(f"{back}[:, ::-1]")
    count = {"LSTM": 2, "GRU": 1, "SimpleRNN": 1}[cell]
    return program.apply(f"L.{cell}(2, return_state=True)({x})[{draw(st.integers(0, count))}]")


def users(draw: Draw, program: Program, x: str, odd: bool) -> str | None:
    """Append a user's layer of two inputs or outputs, a positional encoding, or a call with arguments."""
    way = draw(st.sampled_from(("fold", "pair", "positions", "training", "embedding")))
    if way == "fold":
        program.use("Fold")
        return program.apply(f"Fold()({x}, {draw(st.sampled_from(program.alike(x)))})")
    if way == "pair":
        program.use("Pair")
        return program.apply(f"Pair()({x})[{draw(st.integers(0, 1))}]")
    if way == "positions":
        program.use("Positions")
        table = program.apply(f"Positions()({x})")
        return table and program.apply(
            draw(
                st.sampled_from(
                    (f"L.Add()([{x}, {table}])", f"{x} + {table}", f"{x} * {table}", f"{table} - {x}")
                )
            )
        )
    if way == "training":
        return program.apply(
            f"L.{draw(st.sampled_from(('Dropout(0.5)', 'BatchNormalization()', 'GaussianNoise(0.5)')))}({x}, "
            f"training=True)"
        )
    return program.apply(f"L.Embedding(8, 2)({x})")


COMMON: tuple[Structure, ...] = (
    *(one_layer,) * 8,
    merge,
    concatenate,
    residual,
    residual,
    attention,
    einsum_dense,
    reshape,
    bidirectional,
    bare,
)
"""In every model; a single layer is the likeliest."""
RARE: tuple[Structure, ...] = (*COMMON, *(one_layer,) * 4, bare, bare, shared, nested, states, users)
"""In odd models."""
