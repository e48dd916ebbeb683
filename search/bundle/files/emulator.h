/* The firmware's emulation as a C library: bit for bit what the firmware computes. */
#ifndef @GUARD@_EMULATOR_H
#define @GUARD@_EMULATOR_H
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Values of a sample: of all inputs, and of all outputs, in the model's order, each flattened row by row. */
#define @GUARD@_INPUTS @INPUTS@
#define @GUARD@_OUTPUTS @OUTPUTS@

size_t @NAME@_inputs(void);
size_t @NAME@_outputs(void);

/* Run `samples` samples one after the other: x holds samples * inputs values, y gets samples * outputs.
   Any number of threads may call it; they take turns. */
void @NAME@_run(const double *x, double *y, size_t samples);

#ifdef __cplusplus
}
#endif
#endif
