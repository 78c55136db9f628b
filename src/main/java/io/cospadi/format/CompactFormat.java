package io.cospadi.format;

import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.checkpoint.ProjectionType;
import io.cospadi.checkpoint.TensorSpec;
import io.cospadi.quantization.CodePacking;
import io.cospadi.tensor.DType;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The compact checkpoint, format version 2. A folder:
 *
 * <pre>
 * config.json                  the base model's, with "architectures": ["Cospadi" + the base's] and a "cospadi" block
 * model.safetensors            or model-0000i-of-0000N.safetensors + model.safetensors.index.json above 5 GB;
 *                              header metadata {"format": "pt"}
 * tokenizer.json ...           byte copies of the base's tokenizer, generation and licence files, where it has them
 * cospadi/manifest.json        where the model comes from, each projection's shape and error, sizes in bytes
 * cospadi/SHA256SUMS           "hash, two spaces, path" of every file above and of cospadi/recipe.yaml, sorted by path
 * cospadi/report.json ...      not part of the format and not in SHA256SUMS: they differ between equal runs
 * </pre>
 *
 * <b>Tensors.</b> Everything that is not a factored projection's weight keeps the base's name, type, shape and bytes, biases
 * included. The weight {@code P.weight} (d2, d1) of a factored projection P is replaced, in the sparse methods, by
 *
 * <pre>
 * P.dictionary.weight   BF16 (k, d1)                 one atom a row: the weight of z = linear(x)
 * P.coef.mask           U8   (d2, ceil(k/8))         see {@link CodePacking}
 * P.coef.values         U8   (d2, ceil(14 s/8))      value_bits 14, see {@link CodePacking}
 *                    or BF16 (d2, s)                 value_bits 16
 * </pre>
 *
 * and in the low-rank methods by
 *
 * <pre>
 * P.down.weight         BF16 (r, d1)
 * P.up.weight           BF16 (d2, r)
 * </pre>
 *
 * Projections of one sharing group g store no dictionary of their own but {@code cospadi_shared.g.dictionary.weight} once;
 * members agree in d1 and k. In the low-rank methods they share {@code cospadi_shared.g.down.weight} and agree in d1 and r.
 * Within a file, tensors stand by falling element size, then in the order of the base model, so
 * each is aligned to its own element.
 *
 * <p><b>The block</b> {@code "cospadi"} of config.json:
 *
 * <pre>
 * format_version       1, or 2 where a low-rank module has a group: the lowest that describes the folder
 * method               cospadi | compot | svd-llm | asvd | svd | basis-sharing
 * base_model           name or null          base_commit   revision or null
 * value_bits           14 | 16
 * mask_groups          none | 8:16 | 2:4     every group of M neighbouring atoms of a row holds exactly N nonzeros
 * cr_target            the ratio asked for
 * cr_true_projections  1 - projection bytes / (2 sum d1 d2), over targeted projections
 * cr_true_file         1 - bytes of all safetensors files / base_file_bytes
 * base_file_bytes      bytes of the base's safetensors files if every float tensor in them took 16 bits an element
 * kept_dense           names of targeted projections that stay dense; they count in cr_true_projections
 * modules              name of each factored projection: {"k", "s", "in": d1, "out": d2, "group": name or null}
 *                                                     or {"r", "in": d1, "out": d2, "group": name, where there is one}
 * </pre>
 *
 * "Projection bytes" are the bytes of all tensors that stand for targeted projections, as stored: dictionaries (shared ones
 * once), masks, values, row padding, low-rank factors, kept-dense weights; biases on neither side.
 *
 * <p>model_type stays the base's, and no {@code auto_map} is written as long as the folder has no Python files that it
 * could name; one of the base's is dropped for the same reason.
 *
 * <p><b>Not checked</b> by readers: whether the codes stand for the base model's weights.
 */
public final class CompactFormat {
    /** The highest version that this class describes; readers take it and all before. */
    public static final int VERSION = 2;

    /** Key of the block in config.json. */
    public static final String BLOCK = "cospadi";

    /** Prefix of the base model's class in config.json's {@code architectures}. */
    public static final String ARCHITECTURE_PREFIX = "Cospadi";

    /** Folder of what is ours. */
    public static final String OWN_FOLDER = "cospadi";

    /** Path of the manifest in a compact folder. */
    public static final String MANIFEST = OWN_FOLDER + "/manifest.json";

    /** Path of the checksums in a compact folder. */
    public static final String CHECKSUMS = OWN_FOLDER + "/SHA256SUMS";

    /** Begins the name of every shared dictionary. */
    static final String SHARED_PREFIX = "cospadi_shared.";

    /** What a sharing group may be called: it becomes part of a tensor's name. */
    static final Pattern GROUP_NAME = Pattern.compile("[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}");

    private static final List<String> SUFFIXES =
            List.of(dictionaryName(""), maskName(""), valuesName(""), downName(""), upName(""));

    private static final Pattern PROJECTION = Pattern.compile("model\\.layers\\.(\\d{1,6})\\.(.+)");

    private CompactFormat() {}

    /** {@code P.dictionary.weight}. */
    public static String dictionaryName(String projection) {
        return projection + ".dictionary.weight";
    }

    /** {@code cospadi_shared.g.dictionary.weight}. */
    public static String sharedDictionaryName(String group) {
        return SHARED_PREFIX + group + ".dictionary.weight";
    }

    /** {@code cospadi_shared.g.down.weight}. */
    public static String sharedDownName(String group) {
        return SHARED_PREFIX + group + ".down.weight";
    }

    /** {@code P.coef.mask}. */
    public static String maskName(String projection) {
        return projection + ".coef.mask";
    }

    /** {@code P.coef.values}. */
    public static String valuesName(String projection) {
        return projection + ".coef.values";
    }

    /** {@code P.down.weight}. */
    public static String downName(String projection) {
        return projection + ".down.weight";
    }

    /** {@code P.up.weight}. */
    public static String upName(String projection) {
        return projection + ".up.weight";
    }

    /** Whether the format keeps a tensor's name for itself: a shared dictionary's, or a factor's of some projection. */
    static boolean reserves(String name, ModelConfig config) {
        if (name.startsWith(SHARED_PREFIX)) {
            return true;
        }
        for (String suffix : SUFFIXES) {
            if (name.endsWith(suffix) && isProjection(name.substring(0, name.length() - suffix.length()), config)) {
                return true;
            }
        }
        return false;
    }

    private static boolean isProjection(String name, ModelConfig config) {
        Matcher matcher = PROJECTION.matcher(name);
        return matcher.matches()
                && Integer.parseInt(matcher.group(1)) < config.layers()
                && Arrays.stream(ProjectionType.values())
                        .anyMatch(type -> type.hfName().equals(matcher.group(2)));
    }

    static TensorSpec values(String name, int d2, int s, int valueBits) {
        return valueBits == 16
                ? new TensorSpec(name, DType.BF16, d2, s)
                : new TensorSpec(name, DType.U8, d2, CodePacking.valueRowBytes(s, valueBits));
    }
}
