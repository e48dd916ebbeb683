// The emulation as a C library, one file, so that the headers are read once. Built by the Makefile beside it.
#include "../project/firmware/@NAME@.cpp"
#include "../project/@NAME@_bridge.cpp"
#include "@NAME@_emulator.h"
#include <vector>

extern "C" {
size_t @NAME@_inputs(void) { return @INPUTS@; }

size_t @NAME@_outputs(void) { return @OUTPUTS@; }

void @NAME@_run(const double *given, double *answer, size_t samples) {
    std::vector<double> x(@INPUTS@); // hls4ml's entry point takes inputs that it could change
    for (size_t i = 0; i < samples; i++) {
        std::copy(given + i * @INPUTS@, given + (i + 1) * @INPUTS@, x.begin());
        double *y = answer + i * @OUTPUTS@;
        @NAME@_double(@ARGUMENTS@);
    }
}
}
