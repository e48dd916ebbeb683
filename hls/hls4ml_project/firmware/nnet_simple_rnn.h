#ifndef NNET_SIMPLE_RNN_H_
#define NNET_SIMPLE_RNN_H_

// bitfront's addition to hls4ml, whose Vivado and Vitis backends have no SimpleRNN. Same licence (Apache-2.0),
// same conventions as nnet_recurrent.h: both products, their sum and the activation's output are of accum_t,
// the state is of the result's type.

#include "hls_stream.h"
#include "nnet_activation.h"
#include "nnet_common.h"
#include "nnet_dense.h"
#include "nnet_recr_activations.h"

namespace nnet {

struct simple_rnn_config {
    static const unsigned n_in = 2;
    static const unsigned n_state = 2;
    static const unsigned n_sequence = 2;
    static const unsigned n_sequence_out = 1;
};

template <class data_T, class res_T, typename CONFIG_T>
void simple_rnn(data_T data[CONFIG_T::n_in], res_T state[CONFIG_T::n_state],
                typename CONFIG_T::weight_t weight[CONFIG_T::n_state * CONFIG_T::n_in],
                typename CONFIG_T::recurrent_weight_t recurrent[CONFIG_T::n_state * CONFIG_T::n_state],
                typename CONFIG_T::bias_t bias[CONFIG_T::n_state]) {
    typename CONFIG_T::accum_t from_input[CONFIG_T::n_state];
    typename CONFIG_T::accum_t from_state[CONFIG_T::n_state];
    typename CONFIG_T::accum_t sum[CONFIG_T::n_state];
    typename CONFIG_T::accum_t activated[CONFIG_T::n_state];
    typename CONFIG_T::bias_t no_bias[CONFIG_T::n_state];

    #pragma HLS ARRAY_PARTITION variable=from_input complete
    #pragma HLS ARRAY_PARTITION variable=from_state complete
    #pragma HLS ARRAY_PARTITION variable=sum        complete
    #pragma HLS ARRAY_PARTITION variable=activated  complete
    #pragma HLS ARRAY_PARTITION variable=no_bias    complete

    for (int i = 0; i < CONFIG_T::n_state; i++) {
        #pragma HLS UNROLL
        no_bias[i] = 0;
    }
    nnet::dense<data_T, typename CONFIG_T::accum_t, typename CONFIG_T::mult_config1>(data, from_input, weight, bias);
    nnet::dense<res_T, typename CONFIG_T::accum_t, typename CONFIG_T::mult_config2>(state, from_state, recurrent, no_bias);
    for (int i = 0; i < CONFIG_T::n_state; i++) {
        #pragma HLS UNROLL
        sum[i] = from_input[i] + from_state[i];
    }
    CONFIG_T::template activation<typename CONFIG_T::accum_t, typename CONFIG_T::accum_t,
                                  typename CONFIG_T::ACT_CONFIG_T>::activation(sum, activated);
    for (int i = 0; i < CONFIG_T::n_state; i++) {
        #pragma HLS UNROLL
        state[i] = activated[i];
    }
}

template <class data_T, class res_T, typename CONFIG_T>
void simple_rnn_stack(data_T data[CONFIG_T::n_sequence * CONFIG_T::n_in],
                      res_T res[CONFIG_T::n_sequence_out * CONFIG_T::n_state],
                      typename CONFIG_T::weight_t weight[CONFIG_T::n_state * CONFIG_T::n_in],
                      typename CONFIG_T::recurrent_weight_t recurrent[CONFIG_T::n_state * CONFIG_T::n_state],
                      typename CONFIG_T::bias_t bias[CONFIG_T::n_state]) {
    res_T state[CONFIG_T::n_state];
    data_T data_in[CONFIG_T::n_in];
    #pragma HLS ARRAY_PARTITION variable=state   complete
    #pragma HLS ARRAY_PARTITION variable=data_in complete

    for (int i = 0; i < CONFIG_T::n_state; i++) {
        #pragma HLS UNROLL
        state[i] = 0;
    }
    for (int step = 0; step < CONFIG_T::n_sequence; step++) {
        for (int j = 0; j < CONFIG_T::n_in; j++) {
            #pragma HLS UNROLL
            data_in[j] = data[j + step * CONFIG_T::n_in];
        }
        nnet::simple_rnn<data_T, res_T, CONFIG_T>(data_in, state, weight, recurrent, bias);
        if (CONFIG_T::n_sequence_out > 1) {
            for (int i = 0; i < CONFIG_T::n_state; i++) {
                #pragma HLS UNROLL
                res[i + step * CONFIG_T::n_state] = state[i];
            }
        }
    }
    if (CONFIG_T::n_sequence_out == 1) {
        for (int i = 0; i < CONFIG_T::n_state; i++) {
            #pragma HLS UNROLL
            res[i] = state[i];
        }
    }
}

template <class data_T, class res_T, typename CONFIG_T>
void simple_rnn_stack(hls::stream<data_T> &data_stream, hls::stream<res_T> &res_stream,
                      typename CONFIG_T::weight_t weight[CONFIG_T::n_state * CONFIG_T::n_in],
                      typename CONFIG_T::recurrent_weight_t recurrent[CONFIG_T::n_state * CONFIG_T::n_state],
                      typename CONFIG_T::bias_t bias[CONFIG_T::n_state]) {
    typename res_T::value_type state[CONFIG_T::n_state];
    typename data_T::value_type data_in[CONFIG_T::n_in];
    #pragma HLS ARRAY_PARTITION variable=state   complete
    #pragma HLS ARRAY_PARTITION variable=data_in complete

    for (int i = 0; i < CONFIG_T::n_state; i++) {
        #pragma HLS UNROLL
        state[i] = 0;
    }
    for (int step = 0; step < CONFIG_T::n_sequence; step++) {
        data_T data_pack = data_stream.read();
        for (int j = 0; j < CONFIG_T::n_in; j++) {
            #pragma HLS UNROLL
            data_in[j] = data_pack[j];
        }
        nnet::simple_rnn<typename data_T::value_type, typename res_T::value_type, CONFIG_T>(data_in, state, weight,
                                                                                          recurrent, bias);
        if (CONFIG_T::n_sequence_out > 1 || step == CONFIG_T::n_sequence - 1) {
            res_T res_pack;
            PRAGMA_DATA_PACK(res_pack)
            for (int i = 0; i < CONFIG_T::n_state; i++) {
                #pragma HLS UNROLL
                res_pack[i] = state[i];
            }
            res_stream.write(res_pack);
        }
    }
}

} // namespace nnet

#endif
