package io.cospadi.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.tensor.CospadiException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AtomicFileTest {
    @TempDir
    Path folder;

    @Test
    void nothingIsThereBeforeCommitAndAllOfItAfter() throws IOException {
        Path target = folder.resolve("a");
        try (AtomicFile file = AtomicFile.create(target)) {
            file.append(ByteBuffer.wrap(new byte[] {1, 2}));
            assertFalse(Files.exists(target));
            file.append(ByteBuffer.wrap(new byte[] {3}));
            file.commit();
        }
        assertEquals(3, Files.size(target));
        assertEquals(List.of("a"), names());
    }

    @Test
    void whatWasThereStaysUntilCommit() throws IOException {
        Path target = folder.resolve("a");
        Files.writeString(target, "old");
        try (AtomicFile file = AtomicFile.create(target)) {
            file.append(ByteBuffer.wrap(new byte[] {1, 2}));
        }
        assertEquals("old", Files.readString(target));
        assertEquals(List.of("a"), names());
    }

    @Test
    void writersOfOneTargetDontDisturbEachOther() throws IOException {
        Path target = folder.resolve("a");
        try (AtomicFile first = AtomicFile.create(target);
                AtomicFile second = AtomicFile.create(target)) {
            first.append(ByteBuffer.wrap(new byte[] {1, 2}));
            second.append(ByteBuffer.wrap(new byte[] {3}));
            second.commit();
            assertArrayEquals(new byte[] {3}, Files.readAllBytes(target));
            first.commit();
        }
        assertArrayEquals(new byte[] {1, 2}, Files.readAllBytes(target));
        assertEquals(List.of("a"), names());
    }

    @Test
    void whatAKilledProcessLeftIsRemoved() throws IOException {
        AtomicFile killed = AtomicFile.create(folder.resolve("a"));
        killed.append(ByteBuffer.wrap(new byte[] {1}));
        assertTrue(AtomicFile.isTemporary(names().get(0)), names().toString());
        AtomicFile.write(folder.resolve("b"), new byte[] {7});
        AtomicFile.removeLeftOvers(folder, "c");
        assertEquals(2, names().size());
        AtomicFile.removeLeftOvers(folder, "");
        assertEquals(List.of("b"), names());
        AtomicFile.removeLeftOvers(folder.resolve("not there"), "");
    }

    @Test
    void aMissingFolderIsNamed() {
        Path target = folder.resolve("gone/a");
        String message = assertThrows(CospadiException.class, () -> AtomicFile.write(target, new byte[1]))
                .getMessage();
        assertTrue(message.contains("gone") && message.contains("can't be written"), message);
    }

    @Test
    void theChecksumIsTheContents() {
        try (AtomicFile file = AtomicFile.create(folder.resolve("a"))) {
            file.append(ByteBuffer.wrap("abc".getBytes(java.nio.charset.StandardCharsets.US_ASCII)));
            file.commit();
            // FIPS 180-2, appendix B.1
            assertEquals("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", file.sha256());
        }
    }

    private List<String> names() throws IOException {
        try (var entries = Files.list(folder)) {
            return entries.map(path -> path.getFileName().toString()).toList();
        }
    }
}
