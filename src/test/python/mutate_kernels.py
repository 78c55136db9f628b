#!/usr/bin/env python3
"""Breaks the CUDA kernels in one plausible way after the other, and says whether their tests notice.

    ./mvnw -q test-compile && src/test/python/mutate_kernels.py

A mutation is a kernel file, a text that stands in it exactly once, its replacement, and the test class that has to fail when
it runs on the mutated copy in emulation. Status 1 if a test passes. It needs g++ and takes some minutes.

Not listed because no run on the host can show it: the last __syncwarp of packed_gemv, whose absence only a memory model weaker
than the emulation's would show.
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[3]

HISTOGRAM = "for (int j = threadIdx.x; j < k; j += blockDim.x) {\n            unsigned int m = magnitudes[j];"
STAGED = "masks[w] = own_rest[w - slot_words];\n        __syncwarp();"
TOKEN = "token[i] = i < k ? input[i] : 0;\n    __syncthreads();"

SELECT = [
    ("last column not counted", HISTOGRAM, HISTOGRAM.replace("j < k;", "j < k - 1;")),
    ("no barrier before counting", "__syncthreads();\n        " + HISTOGRAM, HISTOGRAM),
    ("bins read before all are counted", "__syncthreads();\n        if (threadIdx.x < 32)", "if (threadIdx.x < 32)"),
    ("bin read before it is found", "        __syncthreads();\n        prefix |=", "        prefix |="),
    ("equals read before they are counted", "__popc(votes);\n        __syncthreads();", "__popc(votes);"),
    ("equals counted again too early", "row[j] = 0;\n        __syncthreads();", "row[j] = 0;"),
    ("lane 1 adds nothing", "threadIdx.x >= by", "threadIdx.x > by"),
    ("one equal too many", "rank >= kept", "rank > kept"),
    ("ties to the higher column", "__popc(votes & ((1u << lane) - 1))", "__popc(votes >> lane >> 1)"),
    ("own warp counted twice", "w < warp", "w <= warp"),
    ("equals of earlier columns forgotten", "before += shared->equals[w];", ""),
    ("bin's count not taken off", "wanted -= shared->above;", ""),
    ("signs not removed", "& 0x7fffffffu", "& 0xffffffffu"),
    ("step along negative curvature", "squared > 0 && curved > 0", "squared > 0"),
    ("curvature of the gradient with itself", "curved += g * curvature[at + j]", "curved += g * g"),
    ("magnitudes before the step", "magnitude(moved)", "magnitude(codes[at + j] - step * residual[at + j])"),
]
REDUCE = [
    ("block's partial results read too early", "partial[warp] = value;\n    __syncthreads();", "partial[warp] = value;"),
    ("block's partial results reused too early", "partial[i]);\n    __syncthreads();", "partial[i]);"),
    ("tree without its first level", "by = WIDTH / 2", "by = WIDTH / 4"),
    ("last warp left out", "i < warps", "i < warps - 1"),
]
PACKED = [
    ("rank counts the own bit", "(1u << lane) - 1", "(2u << lane) - 1"),
    ("high slot's mask bits lost", "two_slots >> 14 & 12", "two_slots >> 16 & 12"),
    ("second eight slots' bits misplaced", "mask_bits(high) << 16", "mask_bits(high) << 8"),
    ("payload left in the value", "slot & 0xfffc", "slot"),
    ("mask words apart at the wrong place", "own_rest[w - slot_words]", "own_rest[w]"),
    ("no barrier after the token", TOKEN, TOKEN.replace("__syncthreads();", "")),
    ("no synchronisation after staging", STAGED, STAGED.replace("__syncwarp();", "")),
    ("ranks start again in each word", "before += __popc(mask);", ""),
    ("a row too many", "row < rows;", "row <= rows;"),
    ("every token is the first", "z + (long long) blockIdx.y * k", "z"),
    ("every token written as the first", "y[(long long) blockIdx.y * rows + row]", "y[row]"),
    ("rows beyond the grid left out", "row += (long long) gridDim.x * blockDim.y", "row += rows"),
    ("masks of the warps overlap", "+ warp * words", "+ warp"),
]
RMS_NORM = [
    ("unbiased mean", "squares / group", "squares / (group - 1)"),
    ("eps outside the root", "sqrt(squares / group + eps)", "(sqrt(squares / group) + eps)"),
    ("weight by position in x", "* weight[i]", "* weight[0]"),
    ("tail beyond the block left out of the sum", "i += blockDim.x) {", "i += group) {"),
]
ROTARY = [
    ("turned back", "a * c - b * s", "a * c + b * s"),
    ("first position ignored", "(first + head / heads)", "(head / heads)"),
    ("a position a head", "head / heads", "head"),
    ("neighbours as pairs", "float* right = left + half", "float* right = left + 1"),
    ("uses the turned left half", "*right = b * c + a * s", "*right = b * c + *left * s"),
    ("pairs beyond the grid left out", "i += gridDim.x * (long long) blockDim.x", "i += pairs"),
]
ELEMENTWISE = [
    ("negative zero kept", "__float_as_uint(pattern[i]) << 1 != 0", "__float_as_uint(pattern[i]) != 0"),
    ("subnormal pattern dropped", "__float_as_uint(pattern[i]) << 1 != 0", "__float_as_uint(pattern[i]) << 1 > 1u << 24"),
    ("sign of the exponent", "expf(-gate[i])", "expf(gate[i])"),
    ("bias by row", "i % cols", "i / cols"),
    ("elements beyond the grid left out", "#define STRIDE (gridDim.x", "#define STRIDE (1024 * gridDim.x"),
    ("an element too many", "add_bias(float* x, const float* bias, int cols, long long count) {\n"
     "    for (long long i = LINE; i < count;", "add_bias(float* x, const float* bias, int cols, long long count) {\n"
     "    for (long long i = LINE; i <= count;"),
]
EMBEDDING = [
    ("rows in order", "index[blockIdx.x]", "blockIdx.x"),
    ("bf16 in the wrong half", "(unsigned int) bits << 16", "(unsigned int) bits << 15"),
    ("tail beyond the block left out", "j += blockDim.x", "j += cols"),
]

MUTATIONS = (
    [("select.cu", "SelectKernelsTest", *m) for m in SELECT]
    + [("primitives/reduce.cuh", "SelectKernelsTest", *m) for m in REDUCE]
    + [("packed_gemv.cu", "PackedGemvKernelsTest", *m) for m in PACKED]
    + [("rms_norm.cu", "RmsNormKernelsTest", *m) for m in RMS_NORM]
    + [("rotary.cu", "RotaryKernelsTest", *m) for m in ROTARY]
    + [("elementwise.cu", "ElementwiseKernelsTest", *m) for m in ELEMENTWISE]
    + [("embedding.cu", "EmbeddingKernelsTest", *m) for m in EMBEDDING]
)


def run(test, kernels):
    """Whether the test passes; anything but passed or failed tests ends the script."""
    result = subprocess.run(
        ["./mvnw", "-o", "-B", "surefire:test", f"-Dtest=io.cospadi.gpu.{test}", f"-Dcospadi.kernels={kernels}"],
        cwd=ROOT, capture_output=True, text=True)
    if "Tests run: " not in result.stdout or "could not be built" in result.stdout:
        sys.exit(f"{test} could not run:\n{result.stdout}")
    return result.returncode == 0


def main():
    survivors = []
    for test in sorted({mutation[1] for mutation in MUTATIONS}):
        if not run(test, ROOT / "cuda-kernels"):
            sys.exit(f"{test} fails on the kernels as they are")
    for file, test, name, old, new in MUTATIONS:
        with tempfile.TemporaryDirectory() as folder:
            kernels = pathlib.Path(folder) / "kernels"
            shutil.copytree(ROOT / "cuda-kernels", kernels)
            text = (kernels / file).read_text()
            if text.count(old) != 1:
                sys.exit(f"{file}: '{old}' stands there {text.count(old)} times; bring the list up to date")
            (kernels / file).write_text(text.replace(old, new))
            survived = run(test, kernels)
        print(f"{'SURVIVED' if survived else 'noticed '}  {file}: {name}", flush=True)
        if survived:
            survivors.append(name)
    print(f"{len(MUTATIONS) - len(survivors)} of {len(MUTATIONS)} mutations noticed")
    sys.exit(1 if survivors else 0)


if __name__ == "__main__":
    main()
