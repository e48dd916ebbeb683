#!/bin/sh
# C synthesis of the project with AMD's tools, in a copy (build/), so that the bundle stays as it was.
# Exit codes: 4 where no tool is found, 1 where synthesis fails.
set -u
cd "$(dirname "$0")" || exit 1
name=@NAME@
backend=@BACKEND@

tool=
if [ "$backend" = Vitis ]; then
    for candidate in vitis-run vitis_hls; do
        if command -v "$candidate" >/dev/null 2>&1; then tool=$candidate; break; fi
    done
elif command -v vivado_hls >/dev/null 2>&1; then
    tool=vivado_hls
fi
if [ -z "$tool" ]; then
    echo "No C synthesis tool on PATH: source the settings64.sh of Vitis 2022.2 or newer (Vivado HLS 2020.1 for the Vivado backend)." >&2
    exit 4
fi
echo "Using $(command -v "$tool")"

rm -rf build
cp -R project build
cd build || exit 1
cat > build_opt.tcl <<'TCL'
array set opt {
    reset      0
    csim       1
    synth      1
    cosim      0
    validation 0
    export     0
    vsynth     0
    fifo_opt   0
}
TCL
case $tool in
    vitis-run) vitis-run --mode hls --tcl build_prj.tcl ;;
    vitis_hls) vitis_hls -f build_prj.tcl ;;
    vivado_hls) vivado_hls -f build_prj.tcl "reset=0 csim=1 synth=1 cosim=0 validation=0 export=0 vsynth=0 fifo_opt=0" ;;
esac
status=$?
report=${name}_prj/solution1/syn/report/${name}_csynth.xml
if [ $status -ne 0 ] || [ ! -f "$report" ]; then
    echo "C synthesis failed: see the messages above and build/${name}_prj." >&2
    exit 1
fi

# the first <LUT> is what the design uses, the second what the device has
figure() { sed -n "s|.*<$1>\([0-9]*\)</$1>.*|\1|p" "$report" | head -n 1; }
dsp=$(figure DSP)
[ -n "$dsp" ] || dsp=$(figure DSP48E)
printf '%-16s %14s %14s\n' "" "C synthesis" "estimate"
printf '%-16s %14s %14s\n' LUT "$(figure LUT)" "@LUT@"
printf '%-16s %14s %14s\n' FF "$(figure FF)" "@FF@"
printf '%-16s %14s %14s\n' DSP "$dsp" "@DSP@"
printf '%-16s %14s %14s\n' BRAM18 "$(figure BRAM_18K)" "@BRAM18@"
printf '%-16s %14s %14s\n' "latency/cycles" "$(figure Worst-caseLatency)" "@LATENCY@"
printf '%-16s %14s %14s\n' "II/cycles" "$(figure Interval-max)" "@II@"
