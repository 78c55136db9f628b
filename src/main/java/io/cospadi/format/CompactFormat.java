package io.cospadi.format;

import io.cospadi.checkpoint.ModelConfig;
import io.cospadi.checkpoint.ProjectionType;
import io.cospadi.checkpoint.TensorSpec;
import io.cospadi.quantization.CodePacking;
import io.cospadi.quantization.LevelPacking;
import io.cospadi.quantization.Precision;
import io.cospadi.tensor.DType;
import io.cospadi.tensor.LevelGrid;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The compact checkpoint, format version 3. A folder:
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
 * Numbers of 3 to 8 bits, written b, are levels with a scale for each group of g = group_size neighbours, or with g = 0 for the
 * whole row ({@link LevelGrid}, {@link LevelPacking}). Codes of value_bits b, dictionaries of dictionary_bits b:
 *
 * <pre>
 * P.coef.values         U8   (d2, ceil(b s/8))       in place of the values above
 * P.coef.scales         BF16 (d2, ceil(s/g))
 * P.dictionary.levels   U8   (k, ceil(b d1/8))       in place of P.dictionary.weight
 * P.dictionary.scales   BF16 (k, ceil(d1/g))
 * </pre>
 *
 * and in the low-rank methods by
 *
 * <pre>
 * P.down.weight         BF16 (r, d1)
 * P.up.weight           BF16 (d2, r)
 * </pre>
 *
 * and in the methods that round the weight itself, to b bits of the module, by
 *
 * <pre>
 * P.weight.levels       U8   (d2, ceil(b d1/8))
 * P.weight.scales       BF16 (d2, ceil(d1/g))
 * </pre>
 *
 * Projections of one sharing group g store no dictionary of their own but {@code cospadi_shared.g.dictionary.weight} once, or
 * {@code .levels} and {@code .scales}; members agree in d1 and k. In the low-rank methods they share {@code cospadi_shared.g.down.weight} and agree in d1 and r.
 * Within a file, tensors stand by falling element size, then in the order of the base model, so
 * each is aligned to its own element.
 *
 * <p><b>The block</b> {@code "cospadi"} of config.json:
 *
 * <pre>
 * format_version       1, or 2 where a low-rank module has a group, or 3 where anything is stored as levels: the lowest that
 *                      describes the folder
 * method               cospadi | compot | svd-llm | asvd | svd | kfac-svd | zero-sum-svd | basis-sharing | rtn | gptq
 * base_model           name or null          base_commit   revision or null
 * value_bits           14 | 16 | 3 to 8          of a code
 * dictionary_bits      16 | 3 to 8               from version 3 on; 16 before
 * group_size           neighbours with one scale; 0: the whole row; from version 3 on
 * mask_groups          none | 8:16 | 2:4     every group of M neighbouring atoms of a row holds exactly N nonzeros
 * cr_target            the ratio asked for
 * cr_true_projections  1 - projection bytes / (2 sum d1 d2), over targeted projections
 * cr_true_file         1 - bytes of all safetensors files / base_file_bytes
 * base_file_bytes      bytes of the base's safetensors files if every float tensor in them took 16 bits an element
 * kept_dense           names of targeted projections that stay dense; they count in cr_true_projections
 * modules              name of each factored projection: {"k", "s", "in": d1, "out": d2, "group": name or null}
 *                                                     or {"r", "in": d1, "out": d2, "group": name, where there is one}
 *                                                     or {"bits", "in": d1, "out": d2}, from version 3 on
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
    public static final int VERSION = 3;

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

    /** Ends the name of a dictionary's levels. */
    static final String LEVELS = ".levels";

    /** Ends the name of a dictionary's scales. */
    static final String SCALES = ".scales";

    private static final List<String> SUFFIXES = List.of(
            dictionaryStem("") + ".weight",
            dictionaryStem("") + LEVELS,
            dictionaryStem("") + SCALES,
            maskName(""),
            valuesName(""),
            codeScalesName(""),
            weightStem("") + LEVELS,
            weightStem("") + SCALES,
            downName(""),
            upName(""));

    private static final Pattern PROJECTION = Pattern.compile("model\\.layers\\.(\\d{1,6})\\.(.+)");

    private CompactFormat() {}

    /** {@code P.dictionary}, which {@code .weight}, or {@code .levels} and {@code .scales}, complete. */
    static String dictionaryStem(String projection) {
        return projection + ".dictionary";
    }

    /** {@code P.weight}, which {@code .levels} and {@code .scales} complete. */
    static String weightStem(String projection) {
        return projection + ".weight";
    }

    /** {@code cospadi_shared.g.dictionary}, completed likewise. */
    static String sharedDictionaryStem(String group) {
        return SHARED_PREFIX + group + ".dictionary";
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

    /** {@code P.coef.scales}. */
    public static String codeScalesName(String projection) {
        return projection + ".coef" + SCALES;
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

    /** The tensors of a dictionary (k, d1): {@code stem.weight}, or {@code stem.levels} and {@code stem.scales}. */
    static List<TensorSpec> dictionary(String stem, int k, int d1, Precision precision) {
        if (!precision.dictionaryLevels()) {
            return List.of(new TensorSpec(stem + ".weight", DType.BF16, k, d1));
        }
        return levels(stem, k, d1, precision.dictionaryBits(), precision.groupSize());
    }

    /** The tensors of a matrix (rows, cols) of levels. */
    static List<TensorSpec> levels(String stem, int rows, int cols, int bits, int groupSize) {
        return List.of(
                new TensorSpec(stem + LEVELS, DType.U8, rows, LevelPacking.rowBytes(cols, bits)),
                new TensorSpec(stem + SCALES, DType.BF16, rows, LevelGrid.scales(cols, groupSize)));
    }

    /** The tensors of a projection's codes (d2, k): mask, values, and scales where the values are levels. */
    static List<TensorSpec> codes(String projection, int d2, int k, int s, Precision precision) {
        int bits = precision.valueBits();
        TensorSpec mask = new TensorSpec(maskName(projection), DType.U8, d2, CodePacking.maskRowBytes(k));
        TensorSpec values = bits == 16
                ? new TensorSpec(valuesName(projection), DType.BF16, d2, s)
                : new TensorSpec(valuesName(projection), DType.U8, d2, CodePacking.valueRowBytes(s, bits));
        return precision.valueLevels()
                ? List.of(mask, values, new TensorSpec(codeScalesName(projection), DType.BF16, d2, precision.scales(s)))
                : List.of(mask, values);
    }
}
