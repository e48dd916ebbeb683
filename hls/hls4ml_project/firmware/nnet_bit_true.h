#ifndef NNET_BIT_TRUE_H_
#define NNET_BIT_TRUE_H_

// bitfront's additions to hls4ml: layer normalization, the sum with a constant, and activations looked up by every bit
// of their input. Licence as hls4ml's (Apache-2.0). Every rounding is a type of the layer's configuration.

#include "ap_fixed.h"
#include "hls_stream.h"
#include "nnet_common.h"

namespace nnet {

// ---- layer normalization -------------------------------------------------------------------------------------------

// 1 / sqrt(variance): the leading bits, after a shift by pairs of bits, address the table; the entry is shifted back.
template <class CONFIG_T>
typename CONFIG_T::inverse_root_t inverse_root(typename CONFIG_T::variance_t variance,
                                               const typename CONFIG_T::table_t table[CONFIG_T::table_size]) {
    #pragma HLS INLINE
    static const int bits = 2 * CONFIG_T::pairs;
    static const int entry_bits = CONFIG_T::table_t::width;
    ap_uint<bits> aligned = variance.range(CONFIG_T::variance_t::width - 1, 0);
    aligned = aligned << (bits - CONFIG_T::unused_bits - CONFIG_T::variance_t::width);
    unsigned shift = 0;
    bool found = false;
    for (int k = 0; k < CONFIG_T::pairs - 1; k++) {
        #pragma HLS UNROLL
        ap_uint<2> pair = aligned.range(bits - 1 - 2 * k, bits - 2 - 2 * k);
        found = found || pair != 0;
        if (!found)
            shift++;
    }
    ap_uint<bits> leading = aligned << (2 * shift);
    ap_uint<CONFIG_T::address_bits> address = leading.range(bits - 1, bits - CONFIG_T::address_bits);
    ap_uint<entry_bits + CONFIG_T::pairs - 1> entry = table[address].range(entry_bits - 1, 0);
    entry = entry << shift;
    typename CONFIG_T::inverse_root_t root;
    root.range(entry_bits + CONFIG_T::pairs - 2, 0) = entry;
    return root;
}

template <class data_T, class res_T, class CONFIG_T>
void layer_norm_one(const data_T data[CONFIG_T::n], res_T res[CONFIG_T::n],
                    const typename CONFIG_T::scale_t scale[CONFIG_T::n],
                    const typename CONFIG_T::bias_t bias[CONFIG_T::n],
                    const typename CONFIG_T::table_t table[CONFIG_T::table_size]) {
    #pragma HLS INLINE
    const typename CONFIG_T::reciprocal_t reciprocal = 1.0 / CONFIG_T::n;
    typename CONFIG_T::sum_t sum = 0;
    for (unsigned i = 0; i < CONFIG_T::n; i++) {
        #pragma HLS UNROLL
        sum += data[i];
    }
    typename CONFIG_T::mean_t mean = sum * reciprocal;

    typename CONFIG_T::deviation_t deviation[CONFIG_T::n];
    #pragma HLS ARRAY_PARTITION variable=deviation complete
    typename CONFIG_T::squares_t squares = 0;
    for (unsigned i = 0; i < CONFIG_T::n; i++) {
        #pragma HLS UNROLL
        deviation[i] = data[i] - mean;
        squares += deviation[i] * deviation[i];
    }
    typename CONFIG_T::variance_t epsilon;
    epsilon.range(CONFIG_T::variance_t::width - 1, 0) = ap_uint<CONFIG_T::variance_t::width>(CONFIG_T::epsilon_steps);
    typename CONFIG_T::variance_t spread = squares * reciprocal;
    typename CONFIG_T::variance_t variance = spread + epsilon;

    typename CONFIG_T::inverse_root_t root = inverse_root<CONFIG_T>(variance, table);
    for (unsigned i = 0; i < CONFIG_T::n; i++) {
        #pragma HLS UNROLL
        typename CONFIG_T::normalized_t normalized = deviation[i] * root;
        res[i] = normalized * scale[i] + bias[i];
    }
}

template <class data_T, class res_T, class CONFIG_T>
void layer_norm(data_T data[CONFIG_T::positions * CONFIG_T::n], res_T res[CONFIG_T::positions * CONFIG_T::n],
                const typename CONFIG_T::scale_t scale[CONFIG_T::n], const typename CONFIG_T::bias_t bias[CONFIG_T::n],
                const typename CONFIG_T::table_t table[CONFIG_T::table_size]) {
    #pragma HLS PIPELINE II = CONFIG_T::reuse_factor
    for (unsigned position = 0; position < CONFIG_T::positions; position++) {
        #pragma HLS UNROLL
        layer_norm_one<data_T, res_T, CONFIG_T>(&data[position * CONFIG_T::n], &res[position * CONFIG_T::n], scale, bias,
                                                table);
    }
}

template <class data_T, class res_T, class CONFIG_T>
void layer_norm(hls::stream<data_T> &data_stream, hls::stream<res_T> &res_stream,
                const typename CONFIG_T::scale_t scale[CONFIG_T::n], const typename CONFIG_T::bias_t bias[CONFIG_T::n],
                const typename CONFIG_T::table_t table[CONFIG_T::table_size]) {
    for (unsigned position = 0; position < CONFIG_T::positions; position++) {
        #pragma HLS PIPELINE II = CONFIG_T::reuse_factor
        data_T packed = data_stream.read();
        typename data_T::value_type data[CONFIG_T::n];
        typename res_T::value_type res[CONFIG_T::n];
        res_T out;
        PRAGMA_DATA_PACK(out)
        for (unsigned i = 0; i < CONFIG_T::n; i++) {
            #pragma HLS UNROLL
            data[i] = packed[i];
        }
        layer_norm_one<typename data_T::value_type, typename res_T::value_type, CONFIG_T>(data, res, scale, bias, table);
        for (unsigned i = 0; i < CONFIG_T::n; i++) {
            #pragma HLS UNROLL
            out[i] = res[i];
        }
        res_stream.write(out);
    }
}

// ---- sum with a constant -------------------------------------------------------------------------------------------

template <class data_T, class res_T, class CONFIG_T>
void add_constant(data_T data[CONFIG_T::n_in], res_T res[CONFIG_T::n_in],
                  const typename CONFIG_T::bias_t bias[CONFIG_T::n_in]) {
    #pragma HLS PIPELINE
    for (unsigned i = 0; i < CONFIG_T::n_in; i++) {
        #pragma HLS UNROLL
        res[i] = data[i] + bias[i];
    }
}

template <class data_T, class res_T, class CONFIG_T>
void add_constant(hls::stream<data_T> &data_stream, hls::stream<res_T> &res_stream,
                  const typename CONFIG_T::bias_t bias[CONFIG_T::n_in]) {
    for (unsigned position = 0; position < CONFIG_T::n_in / data_T::size; position++) {
        #pragma HLS PIPELINE
        data_T packed = data_stream.read();
        res_T out;
        PRAGMA_DATA_PACK(out)
        for (unsigned i = 0; i < data_T::size; i++) {
            #pragma HLS UNROLL
            out[i] = packed[i] + bias[position * data_T::size + i];
        }
        res_stream.write(out);
    }
}

// ---- activations by table ------------------------------------------------------------------------------------------

template <class data_T, class res_T, class CONFIG_T>
void lookup(data_T data[CONFIG_T::n_in], res_T res[CONFIG_T::n_in], const typename CONFIG_T::table_t table[CONFIG_T::table_size]) {
    #pragma HLS PIPELINE
    for (unsigned i = 0; i < CONFIG_T::n_in; i++) {
        #pragma HLS UNROLL
        ap_uint<data_T::width> address = data[i].range(data_T::width - 1, 0);
        res[i] = table[address];
    }
}

template <class data_T, class res_T, class CONFIG_T>
void lookup(hls::stream<data_T> &data_stream, hls::stream<res_T> &res_stream,
            const typename CONFIG_T::table_t table[CONFIG_T::table_size]) {
    for (unsigned position = 0; position < CONFIG_T::n_in / data_T::size; position++) {
        #pragma HLS PIPELINE
        data_T packed = data_stream.read();
        res_T out;
        PRAGMA_DATA_PACK(out)
        for (unsigned i = 0; i < data_T::size; i++) {
            #pragma HLS UNROLL
            ap_uint<data_T::value_type::width> address = packed[i].range(data_T::value_type::width - 1, 0);
            out[i] = table[address];
        }
        res_stream.write(out);
    }
}

} // namespace nnet

#endif
