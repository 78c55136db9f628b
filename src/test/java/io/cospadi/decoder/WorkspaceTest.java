package io.cospadi.decoder;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import io.cospadi.backend.Matrix;
import org.junit.jupiter.api.Test;

/** Where the rows of intermediate matrices lie, as recordings of a single token's step rely on it. */
class WorkspaceTest {
    @Test
    void aSingleTokensRowNeverMoves() {
        try (Backend backend = new CpuBackend(1)) {
            try (Workspace workspace = new Workspace(backend, 3)) {
                Matrix one = workspace.rows(1);
                backend.fill(workspace.rows(2), 2);
                backend.fill(workspace.rows(64), 64);
                backend.fill(one, 1); // a row that has moved is closed
                assertArrayEquals(new float[] {1, 1, 1}, backend.readFloats(workspace.rows(1)));
                assertArrayEquals(
                        new float[] {64, 64, 64},
                        backend.readFloats(workspace.rows(64).rows(0, 1)));
            }
            assertEquals(0, backend.allocatedBytes());
        }
    }
}
