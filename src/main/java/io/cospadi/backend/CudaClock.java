package io.cospadi.backend;

import io.cospadi.gpu.CudaCalls;

/** Times verbs by events on the device's stream, between which the host's part doesn't count unless the device waits for it. */
final class CudaClock {
    private final CudaCalls cuda;

    CudaClock(CudaCalls cuda) {
        this.cuda = cuda;
    }

    /** As {@link Backend#seconds}. */
    double seconds(Runnable verbs) {
        try (CudaCalls.Mark begin = cuda.mark()) {
            verbs.run();
            try (CudaCalls.Mark end = cuda.mark()) {
                return end.millisecondsSince(begin) * 1e-3;
            }
        }
    }
}
