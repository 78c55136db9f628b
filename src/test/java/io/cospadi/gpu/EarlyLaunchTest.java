package io.cospadi.gpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.jna.NativeLibrary;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What the driver would be handed, read by a C++ compiler from structs with the members of CUDA's own. Whether the driver does
 * what its documentation says is for a device to tell.
 */
class EarlyLaunchTest {
    private static final String DRIVER = """
            #include <cstdint>
            struct Attribute {
                int id;
                char pad[8 - sizeof(int)];
                union { char pad[64]; int allowed; } value;
            };
            struct Config {
                unsigned int gridX, gridY, gridZ, blockX, blockY, blockZ, shared;
                void* stream;
                Attribute* attributes;
                unsigned int attributeCount;
            };
            static int64_t seen[14];
            extern "C" int cuLaunchKernelEx(const Config* config, void* kernel, void** parameters, void** extra) {
                int64_t all[] = {config->gridX, config->gridY, config->gridZ, config->blockX, config->blockY, config->blockZ,
                    config->shared, int64_t(config->stream), config->attributeCount, config->attributes->id,
                    config->attributes->value.allowed, int64_t(kernel), *static_cast<int*>(parameters[1]), int64_t(extra)};
                for (int i = 0; i < 14; i++) seen[i] = all[i];
                return 42;
            }
            extern "C" int64_t argument(int i) { return seen[i]; }
            """;

    @Test
    void theDriverIsHandedWhatItDocuments(@TempDir Path folder) throws Exception {
        assumeTrue(Simt.onPath("g++"), "needs g++");
        Path library = folder.resolve("libdriver.so");
        Path source = Files.writeString(folder.resolve("driver.cpp"), DRIVER);
        Process compiler = new ProcessBuilder("g++", "-shared", "-fPIC", "-o", library.toString(), source.toString())
                .inheritIO()
                .start();
        assertEquals(0, compiler.waitFor());

        NativeLibrary driver = NativeLibrary.getInstance(library.toString());
        try (EarlyLaunch early = EarlyLaunch.of(library.toString()).orElseThrow();
                LaunchArguments arguments = new LaunchArguments()) {
            LaunchGeometry geometry = new LaunchGeometry(3, 4, 5, 32, 16, 100);
            int status = early.launch(1L << 40, geometry, 1L << 41, arguments.addressOf(7L, 8));
            assertEquals(42, status);
            long[] expected = {3, 4, 5, 32, 16, 1, 100, 1L << 41, 1, 6, 1, 1L << 40, 8, 0};
            for (int i = 0; i < expected.length; i++) {
                Object seen = driver.getFunction("argument").invoke(long.class, new Object[] {i});
                assertEquals(expected[i], seen, "argument " + i);
            }
        }
        driver.dispose();
    }

    @Test
    void anOlderDriverHasNoSuchLaunch() {
        assertTrue(EarlyLaunch.of("c").isEmpty());
        assertTrue(EarlyLaunch.of("no-such-library").isEmpty());
    }
}
