package io.cospadi.format;

import io.cospadi.factorization.Factors;
import io.cospadi.factorization.LowRankFactors;
import io.cospadi.factorization.RoundedWeight;
import io.cospadi.factorization.SparseFactors;
import io.cospadi.quantization.CodePacking;
import io.cospadi.quantization.LevelPacking;
import io.cospadi.quantization.Levels;
import io.cospadi.quantization.PackedCodes;
import io.cospadi.quantization.Precision;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** The bytes of one tensor of a factored projection, handed out in chunks, as often as asked. */
interface FactorBytes {
    /** Passes all bytes on in order; a chunk is valid only during the call. */
    void chunks(Consumer<ByteBuffer> consumer);

    /** The tensors in the order of {@link CompactModule#tensors}. */
    static List<FactorBytes> of(Factors factors, Precision precision) {
        if (factors instanceof SparseFactors sparse) {
            return of(sparse, precision);
        }
        if (factors instanceof RoundedWeight rounded) {
            return levels(rounded.levels(), rounded.d1(), rounded.bits(), precision.groupSize());
        }
        LowRankFactors low = (LowRankFactors) factors;
        return List.of(shorts(low.down()), shorts(low.up()));
    }

    private static List<FactorBytes> of(SparseFactors factors, Precision precision) {
        List<FactorBytes> tensors = new ArrayList<>();
        if (precision.dictionaryLevels()) {
            Levels dictionary =
                    new Levels(factors.dictionary(), factors.scales().dictionary());
            tensors.addAll(levels(dictionary, factors.d1(), precision.dictionaryBits(), precision.groupSize()));
        } else {
            tensors.add(shorts(factors.dictionary()));
        }
        PackedCodes packed =
                CodePacking.pack(factors.codes(), precision, factors.scales().codes());
        tensors.add(bytes(packed.mask()));
        tensors.add(bytes(packed.values()));
        if (precision.valueLevels()) {
            tensors.add(shorts(packed.scales()));
        }
        return tensors;
    }

    private static List<FactorBytes> levels(Levels levels, int cols, int bits, int groupSize) {
        byte[] packed = LevelPacking.pack(levels.values(), levels.scales(), cols, bits, groupSize);
        return List.of(bytes(packed), shorts(levels.scales()));
    }

    private static FactorBytes bytes(byte[] bytes) {
        return consumer -> consumer.accept(ByteBuffer.wrap(bytes));
    }

    private static FactorBytes shorts(short[] values) {
        return consumer -> {
            ByteBuffer chunk = ByteBuffer.allocate(1 << 16).order(ByteOrder.LITTLE_ENDIAN);
            for (int at = 0; at < values.length; ) {
                int count = Math.min(chunk.capacity() / Short.BYTES, values.length - at);
                chunk.clear();
                chunk.asShortBuffer().put(values, at, count);
                consumer.accept(chunk.limit(count * Short.BYTES));
                at += count;
            }
        };
    }
}
