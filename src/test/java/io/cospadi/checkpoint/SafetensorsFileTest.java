package io.cospadi.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.cospadi.backend.Backend;
import io.cospadi.backend.CpuBackend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.DType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.IntFunction;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SafetensorsFileTest {
    private static Path shared;

    @TempDir
    Path temporary;

    @BeforeContainer
    static void makeFolder() throws IOException {
        shared = Files.createTempDirectory("safetensors");
    }

    @AfterContainer
    static void removeFolder() throws IOException {
        Files.deleteIfExists(shared.resolve("t.safetensors"));
        Files.delete(shared);
    }

    @Test
    void readsWhatThePythonLibraryWrote() {
        JsonNode expected = Fixtures.section("tensors");
        try (SafetensorsFile file = SafetensorsFile.open(Fixtures.folder().resolve("all_types.safetensors"));
                Backend backend = new CpuBackend(1)) {
            assertEquals("wert", file.metadata().get("näme"));
            assertEquals(expected.get("shapes").size(), file.tensors().size());
            for (StoredTensor tensor : file.tensors().values()) {
                JsonNode shape = expected.get("shapes").get(tensor.name());
                assertEquals(shape.toString(), Arrays.toString(tensor.shape()).replace(" ", ""));
                JsonNode floats = expected.get("floats").get(tensor.name());
                if (floats == null) {
                    continue;
                }
                try (Matrix matrix = backend.allocate(tensor.rows(), tensor.cols(), DType.F32)) {
                    backend.load(matrix, file.map(tensor), tensor.dtype());
                    float[] found = backend.readFloats(matrix);
                    assertEquals(floats.size(), found.length);
                    for (int i = 0; i < found.length; i++) {
                        assertEquals((float) floats.get(i).asDouble(), found[i], tensor.name() + " " + i);
                    }
                }
            }
        }
    }

    @Property(tries = 200)
    void whatIsWrittenIsReadBack(@ForAll @IntRange(max = 6) int count, @ForAll long seed) {
        Random random = new Random(seed);
        List<TensorSpec> specs = new ArrayList<>();
        List<byte[]> data = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            DType dtype = DType.values()[random.nextInt(DType.values().length)];
            long[] shape = random.longs(random.nextInt(4), 0, 5).toArray();
            TensorSpec spec = new TensorSpec(i + randomName(random), dtype, shape);
            byte[] bytes = new byte[(int) spec.bytes()];
            random.nextBytes(bytes);
            specs.add(spec);
            data.add(bytes);
        }
        Path path = shared.resolve("t.safetensors");
        Map<String, String> metadata =
                random.nextBoolean() ? Map.of() : Map.of(randomName(random) + "k", randomName(random));
        try (SafetensorsWriter writer = SafetensorsWriter.create(path, specs, metadata)) {
            data.forEach(bytes -> writer.append(ByteBuffer.wrap(bytes)));
            writer.finish();
        }
        assertEquals(SafetensorsWriter.fileBytes(specs, metadata), RawSafetensors.read(path).length);
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            assertEquals(metadata, file.metadata());
            assertEquals(count, file.tensors().size());
            for (int i = 0; i < count; i++) {
                StoredTensor tensor = file.tensor(specs.get(i).name());
                assertEquals(specs.get(i).dtype(), tensor.dtype());
                assertArrayEquals(specs.get(i).shape(), tensor.shape());
                byte[] read = new byte[data.get(i).length];
                file.mapBytes(tensor, 0, read.length).get(read);
                assertArrayEquals(data.get(i), read);
            }
        }
    }

    /** Any characters that JSON must escape or UTF-8 must encode, but no lone surrogates. */
    private static String randomName(Random random) {
        return random.ints(random.nextInt(5), 1, 0x10FFFF)
                .map(c -> Character.getType(c) == Character.SURROGATE ? '"' : c)
                .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
                .toString();
    }

    /** Some header that once was sound, with a few bytes changed, cut out or doubled. */
    @Property(tries = 3000)
    void noHeaderBringsTheReaderDown(@ForAll long seed, @ForAll @IntRange(min = 1, max = 4) int edits) {
        Random random = new Random(seed);
        byte[] header =
                ("{\"__metadata__\":{\"format\":\"pt\"},\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
                                + "\"b.c\":{\"dtype\":\"BF16\",\"shape\":[4],\"data_offsets\":[24,32]},"
                                + "\"d\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[32,33]}}")
                        .getBytes(StandardCharsets.UTF_8);
        for (int i = 0; i < edits; i++) {
            header = edited(header, random);
        }
        byte[] mutant = header;
        Assertions.assertTimeout(Duration.ofSeconds(10), () -> {
            try {
                SafetensorsHeader parsed = SafetensorsHeader.parse(Path.of("f"), mutant, 8L + mutant.length + 33);
                long bytes = parsed.tensors().values().stream()
                        .mapToLong(StoredTensor::bytes)
                        .sum();
                assertEquals(33, bytes, "an accepted header covers the data exactly");
            } catch (CospadiException e) {
                assertFalse(e.getMessage().contains("\n"), e.getMessage());
            }
        });
    }

    private static byte[] edited(byte[] header, Random random) {
        int at = random.nextInt(header.length);
        return switch (random.nextInt(4)) {
            case 0 -> {
                byte[] flipped = header.clone();
                flipped[at] ^= (byte) (1 << random.nextInt(8));
                yield flipped;
            }
            case 1 -> {
                byte[] replaced = header.clone();
                replaced[at] = (byte) "0123456789{}[],:\"-e. \u0000".charAt(random.nextInt(22));
                yield replaced;
            }
            case 2 ->
                header.length > 4
                        ? splice(header, at, Math.min(header.length, at + 1 + random.nextInt(3)), at)
                        : header;
            default -> splice(header, at, Math.max(0, at - random.nextInt(20)), at);
        };
    }

    /** {@code header[0..to) + header[from..end)}: cuts a piece out, or doubles one. */
    private static byte[] splice(byte[] header, int to, int from, int keep) {
        byte[] result = Arrays.copyOf(header, Math.max(2, keep + header.length - from));
        System.arraycopy(header, from, result, keep, Math.min(header.length - from, result.length - keep));
        return result;
    }

    /** The three ways in which a header can be long; the first at the length that the format allows. */
    @Test
    void longHeadersAreJudgedInSeconds() {
        String tensor = "\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},";
        assertJudged(100_000_000, i -> "\"model.layers." + i + ".weight" + tensor, "names more than 131072 tensors");
        assertJudged(4_000_000, i -> i == 0 ? "\"a\":{\"shape\":[0" : ",0", "has more than 64 numbers in shape");
        assertJudged(
                4_000_000,
                i -> (i == 0 ? "\"__metadata__\":{" : ",") + "\"k" + i + "\":\"\"",
                "names more than 131072");
    }

    private void assertJudged(int length, IntFunction<String> piece, String expected) {
        Path path = temporary.resolve("long.safetensors");
        StringBuilder header = new StringBuilder(length).append('{');
        for (int i = 0; header.length() < length - 200; i++) {
            header.append(piece.apply(i));
        }
        RawSafetensors.write(path, header.toString(), new byte[0]);
        String message = Assertions.assertTimeout( // 2 s on a quiet machine, with room for a busy one
                        Duration.ofSeconds(20),
                        () -> assertThrows(CospadiException.class, () -> SafetensorsFile.open(path)))
                .getMessage();
        assertTrue(message.contains(expected), message);
    }

    @Test
    void abandonedWritingLeavesNothing() throws IOException {
        Path path = temporary.resolve("a.safetensors");
        TensorSpec spec = new TensorSpec("a", DType.U8, 4);
        try (SafetensorsWriter writer = SafetensorsWriter.create(path, List.of(spec), Map.of())) {
            writer.append(ByteBuffer.wrap(new byte[3]));
            assertThrows(IllegalStateException.class, writer::finish);
            assertThrows(IllegalStateException.class, () -> writer.append(ByteBuffer.wrap(new byte[2])));
        }
        try (var entries = Files.list(temporary)) {
            assertEquals(0, entries.count());
        }
    }

    @Test
    void namesAppearOnce() {
        TensorSpec spec = new TensorSpec("a", DType.U8, 4);
        assertThrows(
                IllegalArgumentException.class,
                () -> SafetensorsWriter.create(temporary.resolve("a"), List.of(spec, spec), Map.of()));
    }

    @Test
    void theChecksumIsTheFiles() {
        Path path = temporary.resolve("a.safetensors");
        try (SafetensorsWriter writer =
                SafetensorsWriter.create(path, List.of(new TensorSpec("a", DType.U8, 4)), Map.of("k", "v"))) {
            writer.append(ByteBuffer.wrap(new byte[4]));
            writer.finish();
            assertEquals(Sha256.of(path, bytes -> {}), writer.sha256());
        }
    }
}
