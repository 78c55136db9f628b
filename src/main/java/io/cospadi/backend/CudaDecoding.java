package io.cospadi.backend;

import io.cospadi.gpu.AttentionDecodeKernels;
import io.cospadi.gpu.AttentionGradientKernels;
import io.cospadi.gpu.AttentionKernels;
import io.cospadi.gpu.CudaCalls;
import io.cospadi.gpu.RotaryKernels;

/** Rotation and attention on a GPU, forth and back. */
final class CudaDecoding {
    private static final long NONE = 0;

    private final CudaMemory memory;
    private final RotaryKernels rotary;
    private final AttentionKernels many;
    private final AttentionDecodeKernels few;
    private final AttentionGradientKernels backward;

    /** Where an int lies on the device that is added to the positions of single tokens, or 0. */
    private long offset = NONE;

    CudaDecoding(CudaCalls cuda, CudaMemory memory) {
        this.memory = memory;
        rotary = new RotaryKernels(cuda);
        int mostShared = cuda.properties().sharedBytesOfBlock();
        many = new AttentionKernels(cuda, mostShared);
        few = new AttentionDecodeKernels(cuda);
        backward = new AttentionGradientKernels(cuda, mostShared);
    }

    /** Adds the int that lies there to every position from now on; 0 ends it. */
    void offsetPositions(long offset) {
        this.offset = offset;
    }

    void rotateAndAppend(
            CudaMatrix queries,
            CudaMatrix keys,
            CudaMatrix values,
            CudaMatrix cos,
            CudaMatrix sin,
            CudaMatrix keyCache,
            CudaMatrix valueCache,
            int position) {
        int half = cos.cols();
        rotary.rotateAndAppend(
                queries.address(),
                keys.address(),
                values.address(),
                keyCache.address(),
                valueCache.address(),
                cos.address(),
                sin.address(),
                offset,
                queries.rows(),
                queries.cols() / (2 * half),
                keys.cols() / (2 * half),
                half,
                position);
    }

    void rotate(CudaMatrix x, CudaMatrix cos, CudaMatrix sin, int firstPosition) {
        int half = cos.cols();
        rotary.rotate(
                x.address(),
                cos.address(),
                sin.address(),
                offset,
                x.rows(),
                x.cols() / (2 * half),
                half,
                firstPosition);
    }

    void rotateBack(CudaMatrix x, CudaMatrix cos, CudaMatrix sin, int firstPosition) {
        int half = cos.cols();
        rotary.rotateBack(
                x.address(),
                cos.address(),
                sin.address(),
                offset,
                x.rows(),
                x.cols() / (2 * half),
                half,
                firstPosition);
    }

    void attention(
            CudaMatrix queries,
            CudaMatrix keys,
            CudaMatrix values,
            int heads,
            int headDim,
            int firstPosition,
            int window,
            CudaMatrix out) {
        int n = queries.rows();
        int kvHeads = keys.cols() / headDim;
        if (n > AttentionDecodeKernels.FEW_QUERIES) {
            many.attention(
                    queries.address(),
                    keys.address(),
                    values.address(),
                    out.address(),
                    NONE,
                    n,
                    heads,
                    kvHeads,
                    headDim,
                    firstPosition,
                    window);
            return;
        }
        // recorded launches serve every position that the cache has room for
        int capacity = offset == NONE ? firstPosition + n : keys.rows();
        try (CudaBlock partial = memory.scratch(AttentionDecodeKernels.scratchBytes(n, heads, headDim, capacity))) {
            few.attention(
                    queries.address(),
                    keys.address(),
                    values.address(),
                    out.address(),
                    partial.address(),
                    offset,
                    n,
                    heads,
                    kvHeads,
                    headDim,
                    firstPosition,
                    window,
                    capacity);
        }
    }

    void attentionGradient(
            CudaMatrix queries,
            CudaMatrix keys,
            CudaMatrix values,
            int heads,
            int headDim,
            int window,
            CudaMatrix gradient,
            CudaMatrix queryGradient,
            CudaMatrix keyGradient,
            CudaMatrix valueGradient) {
        int n = queries.rows();
        try (CudaBlock scratch = memory.scratch(AttentionGradientKernels.scratchBytes(n, heads, headDim))) {
            backward.attentionGradient(
                    queries.address(),
                    keys.address(),
                    values.address(),
                    gradient.address(),
                    queryGradient.address(),
                    keyGradient.address(),
                    valueGradient.address(),
                    scratch.address(),
                    n,
                    heads,
                    keys.cols() / headDim,
                    headDim,
                    window);
        }
    }
}
