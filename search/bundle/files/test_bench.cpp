// C simulation and RTL co-simulation of the design: runs every golden sample and compares its outputs bit for bit.
// Written by bitfront in place of hls4ml's own test bench, which prints results without comparing them.
#include "@NAME@_bridge.cpp"
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

static bool read_row(std::ifstream &file, std::vector<double> &row) {
    std::string line;
    if (!std::getline(file, line)) return false;
    row.clear();
    const char *at = line.c_str();
    char *end = 0;
    for (double value = std::strtod(at, &end); end != at; value = std::strtod(at, &end)) {
        row.push_back(value);
        at = end;
    }
    return true;
}

int main() {
    std::ifstream inputs("tb_data/tb_input_features.dat"), golden("tb_data/tb_output_predictions.dat");
#ifdef RTL_SIM
    std::ofstream log("tb_data/rtl_cosim_results.log");
#else
    std::ofstream log("tb_data/csim_results.log");
#endif
    log.precision(17);
    std::vector<double> x, expected, y(@OUTPUTS@);
    unsigned samples = 0, wrong = 0;
    while (read_row(inputs, x) && read_row(golden, expected)) {
        if (x.size() != @INPUTS@ || expected.size() != y.size()) {
            std::printf("FAIL: line %u of tb_data has %u inputs and %u outputs, not @INPUTS@ and @OUTPUTS@\n", samples + 1,
                        (unsigned)x.size(), (unsigned)expected.size());
            return 1;
        }
        @NAME@_double(@ARGUMENTS@);
        if (y != expected) wrong++;
        for (unsigned i = 0; i < y.size(); i++) log << y[i] << (i + 1 < y.size() ? ' ' : '\n');
        samples++;
    }
    if (samples == 0) std::printf("FAIL: tb_data holds no samples\n");
    else if (wrong) std::printf("FAIL: %u of %u samples differ from the golden outputs\n", wrong, samples);
    else std::printf("PASS: %u samples, identical bit for bit\n", samples);
    return samples == 0 || wrong;
}
