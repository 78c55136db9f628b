#!/usr/bin/env python3
"""Compiles every kernel file here to PTX for compute_80, and those with primitives/early.cuh for compute_90, too, into the
program's resources, with NVRTC.

    pip install --no-deps --target DIR nvidia-cuda-nvrtc-cu12==12.6.85
    cuda-kernels/compile.py DIR/nvidia/cuda_nvrtc/lib/libnvrtc.so.12

The first line of each PTX file holds the SHA-256 of the source it was made from: the kernel file's bytes, then those of every
file in primitives/ in the order of their names. A test compares it with the source, so run this after every change.
"""

import ctypes
import hashlib
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
RESOURCES = HERE.parent / "src/main/resources/io/cospadi/gpu"
OPTIONS = [b"--std=c++17", b"--include-path=" + str(HERE).encode()]


def digest(source):
    whole = hashlib.sha256(source.read_bytes())
    for primitive in sorted((HERE / "primitives").iterdir()):
        whole.update(primitive.read_bytes())
    return whole.hexdigest()


def compile_to_ptx(nvrtc, source, architecture="compute_80"):
    program = ctypes.c_void_p()
    given = [b"--gpu-architecture=" + architecture.encode()] + OPTIONS
    options = (ctypes.c_char_p * len(given))(*given)
    created = nvrtc.nvrtcCreateProgram(
        ctypes.byref(program), source.read_bytes(), source.name.encode(), 0, None, None)
    if created != 0:
        sys.exit(f"{source.name}: nvrtcCreateProgram returned {created}")
    status = nvrtc.nvrtcCompileProgram(program, len(given), options)
    if status != 0:
        sys.exit(f"{source.name}: nvrtcCompileProgram returned {status}\n" + text(nvrtc, program, "ProgramLog"))
    return text(nvrtc, program, "PTX")


def text(nvrtc, program, what):
    size = ctypes.c_size_t()
    if getattr(nvrtc, f"nvrtcGet{what}Size")(program, ctypes.byref(size)) != 0:
        sys.exit(f"nvrtcGet{what}Size failed")
    buffer = ctypes.create_string_buffer(size.value)
    if getattr(nvrtc, f"nvrtcGet{what}")(program, buffer) != 0:
        sys.exit(f"nvrtcGet{what} failed")
    return buffer.value.decode()


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    nvrtc = ctypes.CDLL(sys.argv[1])
    RESOURCES.mkdir(parents=True, exist_ok=True)
    for source in sorted(HERE.glob("*.cu")):
        images = {".ptx": "compute_80"}
        if "primitives/early.cuh" in source.read_text():
            images[".sm_90.ptx"] = "compute_90"
        for suffix, architecture in images.items():
            ptx = compile_to_ptx(nvrtc, source, architecture)
            target = RESOURCES / (source.stem + suffix)
            target.write_text(f"// source sha256 {digest(source)}\n{ptx}")
            print(f"{target.name}: {len(ptx)} bytes")


if __name__ == "__main__":
    main()
