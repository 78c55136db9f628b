package io.cospadi.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cospadi.tensor.Bfloat16;
import io.cospadi.tensor.DType;
import io.cospadi.tensor.Float16;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class FiniteScanTest {
    private static final List<DType> FLOATS = List.of(DType.F64, DType.F32, DType.F16, DType.BF16);

    @Property(tries = 2000)
    void findsWhatALoopOverValuesFinds(
            @ForAll long seed, @ForAll @IntRange(max = 40) int elements, @ForAll @IntRange(max = 7) int offset) {
        Random random = new Random(seed);
        DType dtype = FLOATS.get(random.nextInt(4));
        byte[] bytes = new byte[offset + elements * dtype.bytes()];
        random.nextBytes(bytes);
        ByteBuffer buffer =
                ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).position(offset);
        assertEquals(slow(buffer, dtype), FiniteScan.firstNonFinite(buffer, dtype));
        assertEquals(offset, buffer.position());
    }

    private static long slow(ByteBuffer buffer, DType dtype) {
        int elements = buffer.remaining() / dtype.bytes();
        for (int i = 0; i < elements; i++) {
            int at = buffer.position() + i * dtype.bytes();
            double value =
                    switch (dtype) {
                        case F64 -> buffer.getDouble(at);
                        case F32 -> buffer.getFloat(at);
                        case F16 -> Float16.toFloat(buffer.getShort(at));
                        default -> Bfloat16.toFloat(buffer.getShort(at));
                    };
            if (!Double.isFinite(value)) {
                return i;
            }
        }
        return -1;
    }

    /** Every 16-bit pattern, alone among neighbours whose lower bits could carry. */
    @Test
    void everyHalfPatternIsJudgedRight() {
        for (DType dtype : List.of(DType.F16, DType.BF16)) {
            for (int pattern = 0; pattern < 1 << 16; pattern++) {
                ByteBuffer buffer = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
                buffer.putShort((short) 0xBB7F)
                        .putShort((short) pattern)
                        .putShort((short) 0x3B7F)
                        .putShort((short) 0);
                buffer.flip();
                assertEquals(slow(buffer, dtype), FiniteScan.firstNonFinite(buffer, dtype));
            }
        }
    }

    @Test
    void integersAreAlwaysFinite() {
        ByteBuffer ones = ByteBuffer.wrap(new byte[] {-1, -1, -1, -1, -1, -1, -1, -1});
        assertEquals(-1, FiniteScan.firstNonFinite(ones, DType.I64));
        assertEquals(-1, FiniteScan.firstNonFinite(ones, DType.U8));
    }
}
