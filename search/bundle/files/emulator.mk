# make: lib@NAME@.so, which shows the functions of @NAME@_emulator.h alone. AP_TYPES: other fixed-point headers.
# BUILD: where the library goes; a bundle in which it lies no longer verifies, so it is beside it by default.
CXX ?= g++
CXXFLAGS ?= -O2 -w
AP_TYPES ?= ../project/firmware/ap_types
BUILD ?= ../../@NAME@_emulator

$(BUILD)/lib@NAME@.so: @NAME@_emulator.cpp @NAME@_emulator.h exported_names.map
	mkdir -p $(BUILD)
	$(CXX) -std=c++11 $(CXXFLAGS) -fPIC -fvisibility-inlines-hidden -I../project -I$(AP_TYPES) \
	    -shared -Wl,--version-script=exported_names.map $< -o $@
