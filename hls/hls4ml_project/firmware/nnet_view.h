#ifndef NNET_VIEW_H_
#define NNET_VIEW_H_

// bitfront's addition to hls4ml: values of a tensor in other places (permuted, cut, repeated, reversed). CONFIG_T::source
// gives the number of the input's value that each value of the result is. Licence as hls4ml's (Apache-2.0).

#include "hls_stream.h"
#include "nnet_common.h"

namespace nnet {

template <class data_T, class res_T, class CONFIG_T>
void view(data_T data[CONFIG_T::n_in], res_T res[CONFIG_T::n_out]) {
    #pragma HLS INLINE
    for (unsigned i = 0; i < CONFIG_T::n_out; i++) {
        #pragma HLS UNROLL
        res[i] = data[CONFIG_T::source(i)];
    }
}

template <class data_T, class res_T, class CONFIG_T>
void view(hls::stream<data_T> &data_stream, hls::stream<res_T> &res_stream) {
    typename data_T::value_type data[CONFIG_T::n_in];
    #pragma HLS ARRAY_PARTITION variable=data complete
    for (unsigned position = 0; position < CONFIG_T::n_in / data_T::size; position++) {
        #pragma HLS PIPELINE
        data_T packed = data_stream.read();
        for (unsigned i = 0; i < data_T::size; i++) {
            #pragma HLS UNROLL
            data[position * data_T::size + i] = packed[i];
        }
    }
    for (unsigned position = 0; position < CONFIG_T::n_out / res_T::size; position++) {
        #pragma HLS PIPELINE
        res_T out;
        PRAGMA_DATA_PACK(out)
        for (unsigned i = 0; i < res_T::size; i++) {
            #pragma HLS UNROLL
            out[i] = data[CONFIG_T::source(position * res_T::size + i)];
        }
        res_stream.write(out);
    }
}

} // namespace nnet

#endif
