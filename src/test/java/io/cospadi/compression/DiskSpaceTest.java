package io.cospadi.compression;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.tensor.CospadiException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DiskSpaceTest {
    @TempDir
    Path folder;

    @Test
    void whatNoDiskHoldsIsRefusedInUnitsThatCanBeRead() {
        Path missing = folder.resolve("a/b");
        String message = assertThrows(
                        CospadiException.class, () -> DiskSpace.require(missing, 9_000_000_000_000_000_000L))
                .getMessage();
        assertTrue(message.startsWith(missing + " needs up to 9000 PB, its disk has "), message);
        DiskSpace.require(missing, 0);
    }
}
