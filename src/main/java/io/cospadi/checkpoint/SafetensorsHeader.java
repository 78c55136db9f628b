package io.cospadi.checkpoint;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.DType;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * The header of a safetensors file, and the only place that parses one.
 *
 * <pre>
 * file   := length header data
 * length := u64, little-endian: bytes of header, at most 100,000,000
 * header := UTF-8 JSON object beginning with '{', spaces may follow:
 *           { "__metadata__": {string: string, ...}, name: tensor, ... }
 * tensor := { "dtype": name, "shape": [n, ...], "data_offsets": [begin, end] }   offsets from the start of data
 * data   := the tensors' bytes, little-endian, row-major, without holes or overlaps, up to the end of the file
 * </pre>
 *
 * Every rule is checked here, in exact arithmetic, before any data is looked at. Not checked: alignment, which the format
 * does not promise. Stricter than the format: at most {@link #MAX_TENSORS} tensors and 64 dimensions, and no unknown keys.
 *
 * @see "https://github.com/huggingface/safetensors, README, section Format"
 */
record SafetensorsHeader(SortedMap<String, StoredTensor> tensors, SortedMap<String, String> metadata) {
    /** Bytes of the length field. */
    static final int LENGTH_BYTES = 8;

    /** The format's own cap, which keeps a lying length from filling the heap. */
    static final long MAX_BYTES = 100_000_000;

    /** Far above any model's; bounds the time that a hostile header of {@link #MAX_BYTES} can take. */
    static final int MAX_TENSORS = 1 << 17;

    private static final int MAX_DIMENSIONS = 64;

    static final String METADATA = "__metadata__";

    /**
     * Bytes of the header that a file of {@code fileBytes} claims to have.
     *
     * @throws CospadiException if the claim can't be true
     */
    static int checkedLength(Path file, long claimed, long fileBytes) {
        if (claimed < 0 || claimed > MAX_BYTES) {
            throw new CospadiException(file + ": header of " + Long.toUnsignedString(claimed)
                    + " bytes, expected at most " + MAX_BYTES + "; not a safetensors file, or a damaged one");
        }
        if (claimed > fileBytes - LENGTH_BYTES) {
            throw new CospadiException(
                    file + ": header of " + claimed + " bytes in a file of " + fileBytes + ", expected at most "
                            + (fileBytes - LENGTH_BYTES) + "; the file is cut short: download it again");
        }
        if (claimed < 2) {
            throw new CospadiException(file + ": header of " + claimed
                    + " bytes, expected at least 2 for a JSON object; not a safetensors file, or a damaged one");
        }
        return (int) claimed;
    }

    /**
     * Parses and validates a whole header.
     *
     * @param json      exactly the header's bytes
     * @param fileBytes length of the whole file
     * @throws CospadiException naming file, tensor, found and expected, for every breach of the format above
     */
    static SafetensorsHeader parse(Path file, byte[] json, long fileBytes) {
        String where = file + ": header";
        if (json[0] != '{') {
            throw new CospadiException(where + " begins with byte " + (json[0] & 0xFF)
                    + ", expected '{'; not a safetensors file, or a damaged one");
        }
        StrictJson.requireUtf8(where, json);
        long dataStart = LENGTH_BYTES + (long) json.length;
        SortedMap<String, StoredTensor> tensors = new TreeMap<>();
        SortedMap<String, String> metadata = new TreeMap<>();
        try (JsonParser parser = StrictJson.FACTORY.createParser(json)) {
            parser.nextToken();
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String name = parser.currentName();
                if (parser.nextToken() != JsonToken.START_OBJECT) {
                    throw new CospadiException(
                            file + ": tensor " + StrictJson.oneLine(name) + " is described by " + parser.currentToken()
                                    + ", expected an object with dtype, shape and data_offsets; write the file again");
                }
                if (name.equals(METADATA)) {
                    readMetadata(file, parser, metadata);
                } else {
                    tensors.put(name, readTensor(file, name, parser, dataStart, fileBytes));
                }
                if (tensors.size() + metadata.size() > MAX_TENSORS) {
                    throw new CospadiException(where + " names more than " + MAX_TENSORS
                            + " tensors and metadata, expected at most as many; not a model's file, or a damaged one");
                }
            }
            if (parser.nextToken() != null) {
                throw new CospadiException(where + " goes on after its JSON object with " + parser.currentToken()
                        + ", expected spaces at most; write the file again");
            }
        } catch (JsonProcessingException e) {
            throw StrictJson.invalid(where, e);
        } catch (IOException e) {
            throw StrictJson.unreadable(file, e);
        }
        requireContiguous(file, tensors.values(), dataStart, fileBytes);
        return new SafetensorsHeader(
                Collections.unmodifiableSortedMap(tensors), Collections.unmodifiableSortedMap(metadata));
    }

    private static void readMetadata(Path file, JsonParser parser, Map<String, String> metadata) throws IOException {
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            String key = parser.currentName();
            if (parser.nextToken() != JsonToken.VALUE_STRING) {
                throw new CospadiException(file + ": " + METADATA + " entry " + StrictJson.oneLine(key) + " is "
                        + parser.currentToken() + ", expected a string; write the file again");
            }
            metadata.put(key, parser.getText());
            if (metadata.size() > MAX_TENSORS) {
                return; // the caller refuses the file
            }
        }
    }

    private static StoredTensor readTensor(Path file, String name, JsonParser parser, long dataStart, long fileBytes)
            throws IOException {
        Defects defects = new Defects(file, name);
        if (name.isEmpty()) {
            throw defects.of("has an empty name, expected a name");
        }
        DType dtype = null;
        long[] shape = null;
        long[] offsets = null;
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            String key = parser.currentName();
            parser.nextToken();
            switch (key) {
                case "dtype" -> dtype = readDType(defects, parser);
                case "shape" -> shape = readLongs(defects, "shape", parser);
                case "data_offsets" -> offsets = readLongs(defects, "data_offsets", parser);
                default ->
                    throw defects.of("has the unknown key " + StrictJson.oneLine(key)
                            + ", expected dtype, shape and data_offsets");
            }
        }
        if (dtype == null || shape == null || offsets == null) {
            throw defects.of(
                    "lacks " + (dtype == null ? "dtype" : shape == null ? "shape" : "data_offsets") + ", expected it");
        }
        if (offsets.length != 2) {
            throw defects.of("has " + offsets.length + " data_offsets, expected 2");
        }
        long bytes = checkedBytes(defects, dtype, shape);
        if (offsets[0] > offsets[1]) {
            throw defects.of("begins at byte " + offsets[0] + " and ends at " + offsets[1] + ", expected begin <= end");
        }
        if (offsets[1] > fileBytes - dataStart) {
            throw defects.of("ends at byte " + offsets[1] + " of the data, expected at most " + (fileBytes - dataStart)
                    + ", where the file ends");
        }
        if (offsets[1] - offsets[0] != bytes) {
            throw defects.of("takes " + (offsets[1] - offsets[0]) + " bytes, expected " + bytes + " for "
                    + Arrays.toString(shape) + " " + dtype);
        }
        return new StoredTensor(name, dtype, shape, file, dataStart + offsets[0], dataStart + offsets[1]);
    }

    private static DType readDType(Defects defects, JsonParser parser) throws IOException {
        String found = parser.currentToken() == JsonToken.VALUE_STRING ? parser.getText() : parser.currentToken() + "";
        try {
            return DType.valueOf(found);
        } catch (IllegalArgumentException e) {
            throw defects.of("has dtype " + StrictJson.oneLine(found) + ", expected one of "
                    + Arrays.stream(DType.values()).map(Enum::name).collect(Collectors.joining(", ")));
        }
    }

    private static long[] readLongs(Defects defects, String key, JsonParser parser) throws IOException {
        if (parser.currentToken() != JsonToken.START_ARRAY) {
            throw defects.of("has " + parser.currentToken() + " for " + key + ", expected a list of whole numbers");
        }
        List<Long> numbers = new ArrayList<>();
        while (parser.nextToken() != JsonToken.END_ARRAY) {
            if (parser.currentToken() != JsonToken.VALUE_NUMBER_INT) {
                throw defects.of("has " + parser.currentToken() + " in " + key + ", expected whole numbers");
            }
            if (parser.getNumberType() == JsonParser.NumberType.BIG_INTEGER || parser.getLongValue() < 0) {
                throw defects.of("has " + StrictJson.oneLine(parser.getText()) + " in " + key + ", expected 0 to "
                        + Long.MAX_VALUE);
            }
            numbers.add(parser.getLongValue());
            if (numbers.size() > MAX_DIMENSIONS) {
                throw defects.of("has more than " + MAX_DIMENSIONS + " numbers in " + key + ", expected fewer");
            }
        }
        return numbers.stream().mapToLong(Long::longValue).toArray();
    }

    private static long checkedBytes(Defects defects, DType dtype, long[] shape) {
        try {
            long elements = 1;
            for (long size : shape) {
                elements = Math.multiplyExact(elements, size);
            }
            return Math.multiplyExact(elements, dtype.bytes());
        } catch (ArithmeticException e) {
            throw defects.of("has shape " + Arrays.toString(shape) + " " + dtype + ", expected at most "
                    + Long.MAX_VALUE + " bytes");
        }
    }

    /** Sorted by offset, each tensor begins where the one before it ends, and the last ends with the file. */
    private static void requireContiguous(Path file, Iterable<StoredTensor> tensors, long dataStart, long fileBytes) {
        List<StoredTensor> inOrder = new ArrayList<>();
        tensors.forEach(inOrder::add);
        inOrder.sort(Comparator.comparingLong(StoredTensor::begin).thenComparingLong(StoredTensor::end));
        long expected = dataStart;
        String previous = "the header";
        for (StoredTensor tensor : inOrder) {
            if (tensor.begin() != expected) {
                throw new Defects(file, tensor.name())
                        .of("begins at byte " + (tensor.begin() - dataStart) + " of the data, expected "
                                + (expected - dataStart) + ", where " + previous + " ends: "
                                + (tensor.begin() < expected ? "they overlap" : "there is a hole"));
            }
            expected = tensor.end();
            previous = "tensor " + StrictJson.oneLine(tensor.name());
        }
        if (expected != fileBytes) {
            throw new CospadiException(file + ": " + fileBytes + " bytes, expected " + expected + ", where " + previous
                    + " ends; remove what follows or download the file again");
        }
    }

    /** What all messages about one tensor share. */
    private record Defects(Path file, String tensor) {
        CospadiException of(String what) {
            return new CospadiException(file + ": tensor " + StrictJson.oneLine(tensor) + " " + what
                    + "; the file is damaged: download or write it again");
        }
    }
}
