package io.cospadi.backend;

import io.cospadi.gpu.CudaCalls;

/** Verbs as a CUDA graph, with scratch memory of their own that nobody else gets. */
final class CudaRecording implements Recording {
    private final CudaCalls.Graph graph;
    private final CudaMemory memory;
    private final CudaBlock offset;
    private final CudaMemory.Detour scratch;
    private int current;

    private CudaRecording(CudaCalls.Graph graph, CudaMemory memory, CudaBlock offset, CudaMemory.Detour scratch) {
        this.graph = graph;
        this.memory = memory;
        this.offset = offset;
        this.scratch = scratch;
    }

    /** As {@link Backend#record}. */
    static CudaRecording of(Runnable verbs, CudaCalls cuda, CudaMemory memory, CudaDecoding decoding) {
        CudaBlock offset = memory.scratch(new int[1]);
        CudaMemory.Detour detour = memory.detour();
        try {
            return new CudaRecording(captured(verbs, cuda, offset, decoding), memory, offset, detour);
        } catch (RuntimeException | Error failure) {
            detour.close();
            offset.close();
            throw failure;
        } finally {
            detour.end();
        }
    }

    private static CudaCalls.Graph captured(Runnable verbs, CudaCalls cuda, CudaBlock offset, CudaDecoding decoding) {
        cuda.beginCapture();
        decoding.offsetPositions(offset.address());
        try {
            verbs.run();
        } catch (RuntimeException | Error failure) {
            try {
                cuda.endCapture().close();
            } catch (RuntimeException invalid) {
                failure.addSuppressed(invalid);
            }
            throw failure;
        } finally {
            decoding.offsetPositions(0);
        }
        return cuda.endCapture();
    }

    @Override
    public void replay(int positions) {
        if (positions != current) {
            memory.write(offset.address(), new int[] {positions});
            current = positions;
        }
        graph.launch();
    }

    @Override
    public void close() {
        graph.close();
        offset.close();
        scratch.close();
    }
}
