package io.cospadi.checkpoint;

import io.cospadi.backend.CpuBackend;
import io.cospadi.backend.Matrix;
import io.cospadi.tensor.Bfloat16;
import io.cospadi.tensor.DType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * A tensor of 128 MiB in bf16 from its safetensors file, which the system has in memory, into a backend's f32 matrix, beside a
 * plain read of as many bytes. The counter is bytes of the file.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Fork(1)
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 5, time = 1)
public class SafetensorsReadBenchmark {
    private static final int ROWS = 16384;
    private static final int COLS = 4096;
    private static final long BYTES = 2L * ROWS * COLS;

    @Param("2")
    public int threads;

    private CpuBackend backend;
    private Path folder;
    private Path file;
    private Matrix matrix;
    private ByteBuffer plain;

    /** Bytes in all; JMH divides by the time. */
    @AuxCounters(AuxCounters.Type.OPERATIONS)
    @State(Scope.Thread)
    public static class Work {
        public double bytes;
    }

    @Setup(Level.Trial)
    public void prepare() throws IOException {
        backend = new CpuBackend(threads);
        folder = Files.createTempDirectory("safetensors");
        file = folder.resolve("model.safetensors");
        plain = ByteBuffer.allocateDirect((int) BYTES).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < ROWS * COLS; i++) {
            plain.putShort(2 * i, Bfloat16.fromFloat(i % 1021 - 510));
        }
        TensorSpec weight = new TensorSpec("weight", DType.BF16, ROWS, COLS);
        try (SafetensorsWriter writer = SafetensorsWriter.create(file, List.of(weight), Map.of())) {
            writer.append(plain.duplicate());
            writer.finish();
        }
        matrix = backend.allocate(ROWS, COLS, DType.F32);
        read();
        float[] values = backend.readFloats(matrix);
        for (int i = 0; i < values.length; i++) {
            if (values[i] != Bfloat16.round(i % 1021 - 510)) {
                throw new IllegalStateException("element " + i + " reads as " + values[i]);
            }
        }
    }

    @TearDown(Level.Trial)
    public void close() throws IOException {
        matrix.close();
        backend.close();
        Files.delete(file);
        Files.delete(folder);
    }

    private void read() {
        try (SafetensorsFile opened = SafetensorsFile.open(file)) {
            backend.load(matrix, opened.map(opened.tensor("weight")), DType.BF16);
        }
    }

    @Benchmark
    public Matrix openAndLoad(Work work) {
        read();
        work.bytes += BYTES;
        return matrix;
    }

    /** The baseline: no header, no conversion. */
    @Benchmark
    public ByteBuffer plainRead(Work work) throws IOException {
        plain.clear();
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            while (plain.hasRemaining() && channel.read(plain) >= 0) {}
        }
        work.bytes += BYTES;
        return plain;
    }
}
