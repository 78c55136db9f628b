package io.cospadi.checkpoint;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeout;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.DType;
import io.cospadi.tensor.Progress;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every way we know in which a model folder can be wrong, and what the user is told. */
class HostileCheckpointTest {
    private static final String WEIGHTS = "model.safetensors";
    private static final String INDEX = "model.safetensors.index.json";
    private static final String EMBED = "model.embed_tokens.weight";
    private static final String NORM = "model.norm.weight";
    private static final String DOWN = "model.layers.1.mlp.down_proj.weight";

    @TempDir
    Path temporary;

    /** One defect: how to plant it, and what the message must contain. */
    record Case(String defect, Consumer<Path> plant, List<String> expected) {
        @Override
        public String toString() {
            return defect;
        }
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource({"headers", "indices", "configs", "tensors", "folders"})
    void isRefusedInOneLineThatNamesIt(Case hostile) {
        Path folder = temporary.resolve("model");
        hostile.plant().accept(folder);
        // a guard against hanging on a machine of any load; these take milliseconds
        CospadiException refused =
                assertTimeout(Duration.ofSeconds(20), () -> assertThrows(CospadiException.class, () -> read(folder)));
        String message = refused.getMessage();
        assertFalse(message.contains("\n"), message);
        for (String expected : hostile.expected()) {
            assertTrue(message.contains(expected), () -> "lacks \"" + expected + "\": " + message);
        }
    }

    private static void read(Path folder) {
        try (Checkpoint checkpoint = Checkpoint.open(folder)) {
            checkpoint.requireDense();
            checkpoint.scanFinite(Progress.NONE);
        }
    }

    static Stream<Case> headers() {
        return Stream.of(
                weights("empty file", file -> RawSafetensors.write(file, new byte[0]), "0 bytes", "cut short"),
                weights(
                        "file of seven bytes",
                        file -> RawSafetensors.write(file, new byte[7]),
                        "7 bytes, expected at least 8"),
                weights(
                        "header length with the top bit set",
                        file -> RawSafetensors.setHeaderLength(file, Long.MIN_VALUE),
                        "header of 9223372036854775808 bytes, expected at most 100000000"),
                weights(
                        "header length above the cap",
                        file -> RawSafetensors.setHeaderLength(file, 100_000_001),
                        "header of 100000001 bytes, expected at most 100000000"),
                weights(
                        "header longer than the file",
                        file -> RawSafetensors.setHeaderLength(file, 99_999_999),
                        "header of 99999999 bytes in a file of",
                        "cut short"),
                weights(
                        "header of no bytes",
                        file -> RawSafetensors.setHeaderLength(file, 0),
                        "header of 0 bytes, expected at least 2"),
                weights(
                        "header length one short",
                        file -> RawSafetensors.setHeaderLength(
                                file, RawSafetensors.headerBytes(RawSafetensors.read(file)) / 2),
                        "not valid JSON"),
                header("header that begins with a space", json -> " " + json, "begins with byte 32, expected '{'"),
                weights("header in UTF-16", HostileCheckpointTest::toUtf16, "begins with byte"),
                weights("header that is not UTF-8", file -> replaceByte(file, (byte) 0xFF), "not valid UTF-8"),
                header(
                        "header cut in the middle",
                        json -> json.substring(0, json.length() / 2),
                        "header",
                        "not valid JSON"),
                header("header with a second object behind it", json -> json + "{}", "goes on after its JSON object"),
                header(
                        "tensor named twice",
                        json -> json.substring(0, json.length() - 1) + ",\"" + NORM
                                + "\":{\"dtype\":\"BF16\",\"shape\":[0],\"data_offsets\":[0,0]}}",
                        "Duplicate field",
                        NORM),
                header(
                        "dtype given twice",
                        edit("\"dtype\":\"BF16\"", "\"dtype\":\"BF16\",\"dtype\":\"BF16\""),
                        "Duplicate field"),
                header(
                        "tensor that is a number",
                        edit("\"" + NORM + "\":\\{[^}]*\\}", "\"" + NORM + "\":7"),
                        NORM,
                        "expected an object"),
                header("unknown dtype", edit("\"BF16\"", "\"F8_E4M3\""), "has dtype F8_E4M3, expected one of F64, F32"),
                header("dtype that is a number", edit("\"BF16\"", "16"), "has dtype VALUE_NUMBER_INT"),
                header(
                        "negative dimension",
                        edit("\"shape\":\\[10,8\\]", "\"shape\":[-10,-8]"),
                        EMBED,
                        "has -10 in shape"),
                header(
                        "fractional dimension",
                        edit("\"shape\":\\[10,8\\]", "\"shape\":[1e1,8]"),
                        EMBED,
                        "VALUE_NUMBER_FLOAT in shape"),
                header(
                        "dimension beyond 64 bits",
                        edit("\"shape\":\\[10,8\\]", "\"shape\":[99999999999999999999,8]"),
                        EMBED,
                        "99999999999999999999 in shape"),
                header(
                        "shape whose product overflows",
                        edit("\"shape\":\\[10,8\\]", "\"shape\":[4294967296,4294967296]"),
                        EMBED,
                        "expected at most 9223372036854775807 bytes"),
                header(
                        "shape that wraps to the right size",
                        edit("\"shape\":\\[10,8\\]", "\"shape\":[10,9223372036854775807,8]"),
                        EMBED,
                        "expected at most 9223372036854775807 bytes"),
                header(
                        "shape that is no list",
                        edit("\"shape\":\\[10,8\\]", "\"shape\":80"),
                        EMBED,
                        "for shape, expected a list"),
                header("no offsets", edit(",\"data_offsets\":\\[0,160\\]", ""), "lacks data_offsets"),
                header("three offsets", edit("\\[0,160\\]", "[0,80,160]"), "has 3 data_offsets, expected 2"),
                header(
                        "offsets that run backwards",
                        edit("\\[0,160\\]", "[160,0]"),
                        "begins at byte 160 and ends at 0"),
                header(
                        "offset beyond the file",
                        edit("\\[0,160\\]", "[0,9000000000]"),
                        "ends at byte 9000000000 of the data, expected at most"),
                header(
                        "length that is not the shape's",
                        edit("\"shape\":\\[10,8\\]", "\"shape\":[10,7]"),
                        "takes 160 bytes, expected 140 for [10, 7] BF16"),
                header(
                        "unknown key in a tensor",
                        edit("\"shape\":\\[10,8\\]", "\"stride\":[8,1],\"shape\":[10,8]"),
                        EMBED,
                        "unknown key stride"),
                header(
                        "nested beyond reason",
                        edit("\"shape\":\\[10,8\\]", "\"shape\":" + "[".repeat(5000)),
                        "expected whole numbers"),
                header(
                        "metadata that is no string",
                        edit("\"format\":\"pt\"", "\"format\":1"),
                        "__metadata__ entry format"),
                header("empty tensor name", edit("\"" + NORM + "\"", "\"\""), "empty name"),
                header(
                        "line break in a tensor's name",
                        edit("\"" + NORM + "\"", "\"a\\\\nb\\\\u001b[31m\""),
                        NORM,
                        "missing"),
                raw(
                        "hole before the first tensor",
                        "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[4,8]}}",
                        8,
                        "tensor a begins at byte 4 of the data, expected 0",
                        "hole"),
                raw(
                        "hole between tensors",
                        "{\"a\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]},\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[4,8]}}",
                        8,
                        "tensor b begins at byte 4 of the data, expected 3, where tensor a ends: there is a hole"),
                raw(
                        "overlapping tensors",
                        "{\"a\":{\"dtype\":\"U8\",\"shape\":[5],\"data_offsets\":[0,5]},\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[4,8]}}",
                        8,
                        "tensor b begins at byte 4 of the data, expected 5",
                        "they overlap"),
                raw(
                        "two names for the same bytes",
                        "{\"a\":{\"dtype\":\"U8\",\"shape\":[8],\"data_offsets\":[0,8]},\"b\":{\"dtype\":\"U8\",\"shape\":[8],\"data_offsets\":[0,8]}}",
                        8,
                        "they overlap"),
                raw(
                        "bytes behind the last tensor",
                        "{\"a\":{\"dtype\":\"U8\",\"shape\":[8],\"data_offsets\":[0,8]}}",
                        9,
                        "bytes, expected",
                        "where tensor a ends"),
                raw("data without any tensor", "{}", 8, "where the header ends"),
                weights(
                        "file cut by one byte",
                        file -> RawSafetensors.write(
                                file, Arrays.copyOf(RawSafetensors.read(file), RawSafetensors.read(file).length - 1)),
                        "of the data, expected at most",
                        "damaged"));
    }

    static Stream<Case> indices() {
        return Stream.of(
                index(
                        "shard name that climbs out",
                        shard -> "../" + shard,
                        "\"../model-00001-of-00003.safetensors\"",
                        "expected a plain file name",
                        EMBED),
                index("shard name that is absolute", shard -> "/etc/passwd.safetensors", "expected a plain file name"),
                index("shard name in a subfolder", shard -> "sub/" + shard, "expected a plain file name"),
                index("shard name with a NUL", shard -> "a\0.safetensors", "expected a plain file name"),
                index(
                        "shard that is a pickle",
                        shard -> "pytorch_model.bin",
                        "expected a plain file name ending in .safetensors"),
                index(
                        "tensor listed in another shard",
                        shard -> "model-00002-of-00003.safetensors",
                        EMBED,
                        "is missing, expected here",
                        "found in model-00001"),
                sharded(
                        "missing shard",
                        folder -> delete(folder.resolve("model-00002-of-00003.safetensors")),
                        "model-00002-of-00003.safetensors",
                        "shard is missing"),
                sharded(
                        "shard that links out of the folder",
                        HostileCheckpointTest::linkOut,
                        "model-00001-of-00003.safetensors",
                        "leads out of the model's folder"),
                sharded(
                        "tensor stored in two shards",
                        folder -> copy(folder, "model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors"),
                        "is missing, expected here",
                        "model-00002"),
                sharded(
                        "tensor in a shard that no index lists",
                        folder -> editIndex(folder, map -> map.remove(EMBED)),
                        EMBED,
                        "is stored here, expected in no shard"),
                sharded(
                        "tensor listed that no shard holds",
                        folder -> editIndex(folder, map -> map.put("ghost", "model-00001-of-00003.safetensors")),
                        "ghost",
                        "is missing"),
                sharded(
                        "shard that is no string",
                        folder -> editIndex(folder, map -> map.put(EMBED, 1)),
                        EMBED,
                        "expected a shard's file name"),
                sharded(
                        "index without weight_map",
                        folder -> TinyCheckpoint.editJson(folder.resolve(INDEX), json -> json.remove("weight_map")),
                        INDEX,
                        "weight_map is missing"),
                sharded(
                        "weight_map that is a list",
                        folder -> TinyCheckpoint.editJson(folder.resolve(INDEX), json -> json.putArray("weight_map")),
                        "weight_map is a list"),
                sharded(
                        "tensor listed twice",
                        folder -> write(
                                folder.resolve(INDEX),
                                "{\"weight_map\":{\"a\":\"x.safetensors\",\"a\":\"y.safetensors\"}}"),
                        INDEX,
                        "Duplicate field 'a'"),
                sharded(
                        "index that is not JSON",
                        folder -> write(folder.resolve(INDEX), "version https://git-lfs"),
                        INDEX,
                        "not valid JSON"));
    }

    static Stream<Case> configs() {
        return Stream.of(
                folder(
                        "config.json missing",
                        folder -> delete(folder.resolve("config.json")),
                        "config.json",
                        "no such file"),
                folder(
                        "config.json cut short",
                        folder -> write(folder.resolve("config.json"), "{\"model_type\": \"llama\","),
                        "config.json",
                        "not valid JSON"),
                folder(
                        "config.json empty",
                        folder -> write(folder.resolve("config.json"), ""),
                        "config.json",
                        "found nothing, expected a JSON object"),
                folder("config.json a list", folder -> write(folder.resolve("config.json"), "[]"), "found a JSON list"),
                folder(
                        "config.json with a key twice",
                        folder -> write(folder.resolve("config.json"), "{\"a\":1,\"a\":2}"),
                        "Duplicate field"),
                folder(
                        "config.json with a second object",
                        folder -> write(folder.resolve("config.json"), "{}{}"),
                        "config.json",
                        "not valid JSON"),
                folder(
                        "config.json a folder",
                        folder -> {
                            delete(folder.resolve("config.json"));
                            mkdir(folder.resolve("config.json"));
                        },
                        "config.json"),
                config("no model_type", "model_type", null, "model_type is missing", "llama, qwen2, qwen3, mistral"),
                config(
                        "unknown family",
                        "model_type",
                        "gpt2",
                        "model_type is \"gpt2\", supported are",
                        "llama, qwen2, qwen3, mistral"),
                config("mixture of experts by family", "model_type", "mixtral", "mixture of experts"),
                config(
                        "mixture of experts by count",
                        "num_local_experts",
                        8,
                        "num_local_experts is 8: a mixture of experts"),
                config(
                        "quantised",
                        "quantization_config",
                        Map.of("quant_method", "gptq"),
                        "quantization_config",
                        "already quantised"),
                config(
                        "no layers",
                        "num_hidden_layers",
                        0,
                        "num_hidden_layers is 0, expected a whole number from 1 to 10000"),
                config("a milliard layers", "num_hidden_layers", 1_000_000_000, "num_hidden_layers is 1000000000"),
                config("negative width", "hidden_size", -8, "hidden_size is -8"),
                config("width beyond 32 bits", "hidden_size", 4294967304L, "hidden_size is 4294967304"),
                config("fractional width", "hidden_size", 8.5, "hidden_size is 8.5"),
                config("width in quotes", "hidden_size", "8", "hidden_size is \"8\""),
                config("no width", "hidden_size", null, "hidden_size is missing"),
                config(
                        "heads no multiple of key-value heads",
                        "num_key_value_heads",
                        3,
                        "num_key_value_heads is 3, expected a divisor of the 2"),
                config("odd head dimension", "head_dim", 5, "head dimension 5", "even"),
                config("giant head dimension", "head_dim", 1 << 20, "head dimension 1048576"),
                config("another activation", "hidden_act", "gelu", "hidden_act is \"gelu\", expected \"silu\""),
                config(
                        "unsupported rope type",
                        "rope_scaling",
                        Map.of("rope_type", "yarn", "factor", 4),
                        "rope type \"yarn\", supported are default, linear and llama3"),
                config(
                        "llama3 rope without its factors",
                        "rope_scaling",
                        Map.of("rope_type", "llama3", "factor", 8),
                        "rope_scaling.low_freq_factor is missing"),
                config("negative theta", "rope_theta", -1, "rope_theta is -1"),
                config("partial rotation", "partial_rotary_factor", 0.5, "partial_rotary_factor is 0.5"),
                config(
                        "switch that is no boolean",
                        "tie_word_embeddings",
                        "yes",
                        "tie_word_embeddings is \"yes\", expected true or false"),
                config("epsilon that is no number", "rms_norm_eps", "tiny", "rms_norm_eps is \"tiny\""),
                config("token id that is a text", "eos_token_id", "</s>", "eos_token_id is \"</s>\""));
    }

    static Stream<Case> tensors() {
        return Stream.of(
                header(
                        "missing tensor",
                        edit("\"" + DOWN + "\"", "\"other\""),
                        WEIGHTS,
                        "tensor " + DOWN + " is missing"),
                config(
                        "tensor of another shape",
                        "intermediate_size",
                        13,
                        WEIGHTS,
                        "mlp.gate_proj.weight has shape [12, 8], expected [13, 8]"),
                config("vocabulary of another size", "vocab_size", 11, EMBED + " has shape [10, 8], expected [11, 8]"),
                config(
                        "more layers than stored",
                        "num_hidden_layers",
                        3,
                        "model.layers.2.input_layernorm.weight is missing"),
                header(
                        "weights of integers",
                        edit("\"BF16\"", "\"I16\""),
                        "has dtype I16, supported are F32, F16 and BF16"),
                made(
                        "fused q, k and v",
                        tiny -> tiny.extra("model.layers.0.self_attn.qkv_proj.weight", 16, 8),
                        "qkv_proj.weight is fused"),
                made(
                        "fused gate and up",
                        tiny -> tiny.extra("model.layers.0.mlp.gate_up_proj.weight", 24, 8),
                        "gate_up_proj.weight is fused"),
                made(
                        "bias that config.json denies",
                        tiny -> tiny.extra("model.layers.0.self_attn.q_proj.bias", 8),
                        "q_proj.bias is stored, expected no such bias"),
                config("bias that is missing", "attention_bias", true, "self_attn.q_proj.bias is missing"),
                config(
                        "compact model",
                        "cospadi",
                        Map.of("format_version", 1),
                        "a compact model, expected a dense one"),
                nonFinite("NaN in BF16", DType.BF16, 7, 0x7FC1L, "element 7 of [8]"),
                nonFinite("infinity in BF16", DType.BF16, 0, 0xFF80L, "element 0 of [8]"),
                nonFinite("NaN in F16", DType.F16, 3, 0x7C01L, "element 3 of [8]"),
                nonFinite("infinity in F16", DType.F16, 5, 0xFC00L, "element 5 of [8]"),
                nonFinite("NaN in F32", DType.F32, 6, 0xFFFFFFFFL, "element 6 of [8]"),
                nonFinite("infinity in F32", DType.F32, 1, 0x7F800000L, "element 1 of [8]"));
    }

    static Stream<Case> folders() {
        return Stream.of(
                new Case("folder that isn't there", folder -> {}, List.of("no such folder")),
                new Case("folder that is a file", folder -> write(folder, "model"), List.of("no such folder")),
                folder(
                        "folder without weights",
                        folder -> delete(folder.resolve(WEIGHTS)),
                        "found neither model.safetensors nor"));
    }

    private static Case folder(String defect, Consumer<Path> plant, String... expected) {
        return new Case(
                defect,
                folder -> plant.accept(TinyCheckpoint.of(Architecture.LLAMA).write(folder)),
                List.of(expected));
    }

    private static Case weights(String defect, Consumer<Path> plant, String... expected) {
        return folder(defect, folder -> plant.accept(folder.resolve(WEIGHTS)), withFile(WEIGHTS, expected));
    }

    private static Case header(String defect, UnaryOperator<String> edit, String... expected) {
        return weights(defect, file -> RawSafetensors.editHeader(file, edit), expected);
    }

    private static Case raw(String defect, String header, int dataBytes, String... expected) {
        return weights(defect, file -> RawSafetensors.write(file, header, new byte[dataBytes]), expected);
    }

    private static Case config(String defect, String key, Object value, String... expected) {
        return folder(
                defect,
                folder -> TinyCheckpoint.editJson(folder.resolve("config.json"), json -> {
                    if (value == null) {
                        json.remove(key);
                    } else {
                        json.putPOJO(key, value);
                    }
                }),
                expected);
    }

    private static Case made(String defect, UnaryOperator<TinyCheckpoint> make, String... expected) {
        return new Case(
                defect,
                folder -> make.apply(TinyCheckpoint.of(Architecture.LLAMA)).write(folder),
                List.of(withFile(WEIGHTS, expected)));
    }

    private static Case nonFinite(String defect, DType dtype, int element, long bits, String expected) {
        return new Case(
                defect,
                folder -> {
                    TinyCheckpoint.of(Architecture.LLAMA).dtype(dtype).write(folder);
                    Path file = folder.resolve(WEIGHTS);
                    byte[] bytes = RawSafetensors.read(file);
                    long begin;
                    try (SafetensorsFile opened = SafetensorsFile.open(file)) {
                        begin = opened.tensor(NORM).begin();
                    }
                    ByteBuffer little = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
                    int at = (int) begin + element * dtype.bytes();
                    if (dtype == DType.F32) {
                        little.putInt(at, (int) bits);
                    } else {
                        little.putShort(at, (short) bits);
                    }
                    RawSafetensors.write(file, bytes);
                },
                List.of(WEIGHTS, "tensor " + NORM + " holds NaN or infinity at " + expected));
    }

    private static Case sharded(String defect, Consumer<Path> plant, String... expected) {
        return new Case(
                defect,
                folder -> plant.accept(
                        TinyCheckpoint.of(Architecture.LLAMA).shards(1100).write(folder)),
                List.of(expected));
    }

    /** Changes the shard that the embedding is said to lie in. */
    private static Case index(String defect, UnaryOperator<String> shard, String... expected) {
        return sharded(
                defect,
                folder -> editIndex(
                        folder, map -> map.put(EMBED, shard.apply(map.get(EMBED).asText()))),
                expected);
    }

    private static String[] withFile(String file, String... expected) {
        return Stream.concat(Stream.of(file), Arrays.stream(expected)).toArray(String[]::new);
    }

    private static UnaryOperator<String> edit(String regex, String replacement) {
        return json -> json.replaceFirst(regex, replacement);
    }

    private static void toUtf16(Path file) {
        byte[] bytes = RawSafetensors.read(file);
        byte[] header = RawSafetensors.header(bytes).getBytes(StandardCharsets.UTF_16);
        RawSafetensors.write(file, RawSafetensors.bytes(header, RawSafetensors.data(bytes)));
    }

    private static void replaceByte(Path file, byte value) {
        byte[] bytes = RawSafetensors.read(file);
        bytes[20] = value;
        RawSafetensors.write(file, bytes);
    }

    private static void editIndex(Path folder, Consumer<ObjectNode> edit) {
        TinyCheckpoint.editJson(folder.resolve(INDEX), json -> edit.accept((ObjectNode) json.get("weight_map")));
    }

    private static void linkOut(Path folder) {
        Path shard = folder.resolve("model-00001-of-00003.safetensors");
        Path outside = folder.resolveSibling("elsewhere.safetensors");
        try {
            Files.move(shard, outside);
            Files.createSymbolicLink(shard, outside);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void copy(Path folder, String from, String to) {
        RawSafetensors.write(folder.resolve(to), RawSafetensors.read(folder.resolve(from)));
    }

    private static void write(Path file, String text) {
        RawSafetensors.write(file, text.getBytes(StandardCharsets.UTF_8));
    }

    private static void mkdir(Path folder) {
        try {
            Files.createDirectory(folder);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void delete(Path file) {
        try {
            Files.delete(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
