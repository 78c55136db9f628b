package io.cospadi.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cospadi.tensor.CospadiException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import org.junit.jupiter.api.Test;

class FileFailureTest {
    @Test
    void reasonsAreInWords() {
        assertEquals("permission denied", FileFailure.reason(new AccessDeniedException("/m/config.json")));
        assertEquals("/m/x does not exist", FileFailure.reason(new NoSuchFileException("/m/x")));
        assertEquals("Is a directory", FileFailure.reason(new FileSystemException("/m", null, "Is a directory")));
        assertEquals("No space left on device", FileFailure.reason(new IOException("No space left on device")));
    }

    @Test
    void placesInsideAParsersMessageAreLineAndColumn() {
        String message = assertThrows(
                        CospadiException.class,
                        () -> StrictJson.parseObject("config.json", "{\n \"a\": [1".getBytes(StandardCharsets.UTF_8)))
                .getMessage();
        assertTrue(message.contains("line 2, column 7"), message);
        assertFalse(message.contains("Source") || message.contains("REDACTED"), message);
    }
}
