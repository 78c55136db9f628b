package io.cospadi.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MachineTest {
    @TempDir
    Path root;

    @Test
    void readsWhatLinuxTells() throws Exception {
        write(
                "proc/cpuinfo",
                "processor\t: 0\nmodel name\t: Fast CPU 9000\nflags\t\t: fpu avx avx2 fma\n\nprocessor\t: 1\n");
        write("proc/meminfo", "MemTotal:       24726596 kB\nMemFree: 1 kB\nMemAvailable:   2000000 kB\n");
        write("proc/self/status", "Name:\tjava\nVmHWM:\t  812345 kB\n");
        write("proc/driver/nvidia/version", "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue\n");
        write("usr/lib64/libcuda.so.1", "");
        Machine machine = Machine.at(root);
        assertEquals("Fast CPU 9000", machine.cpu());
        assertEquals(List.of("avx", "avx2", "fma"), machine.vectorInstructions());
        assertEquals(24_726_596L * 1024, machine.memoryBytes());
        assertEquals(2_000_000L * 1024, machine.freeMemoryBytes());
        assertEquals(812_345L * 1024, machine.peakResidentBytes());
        assertEquals(Optional.of("550.54.15"), machine.gpuDriver());
        assertTrue(machine.library("libcuda.so.1").isPresent());
    }

    @Test
    void aControlGroupsLimitCounts() throws Exception {
        write("proc/meminfo", "MemTotal: 24726596 kB\nMemAvailable: 20000000 kB\n");
        write("sys/fs/cgroup/memory.max", "1073741824\n");
        assertEquals(1L << 30, Machine.at(root).memoryBytes());
        assertEquals(1L << 30, Machine.at(root).freeMemoryBytes());
        write("sys/fs/cgroup/memory.max", "max\n");
        assertEquals(24_726_596L * 1024, Machine.at(root).memoryBytes());
    }

    @Test
    void whatIsMissingIsUnknownAndNoFailure() {
        Machine machine = Machine.at(root);
        assertEquals(0, machine.memoryBytes());
        assertEquals(0, machine.peakResidentBytes());
        assertEquals(List.of(), machine.vectorInstructions());
        assertEquals(Optional.empty(), machine.gpuDriver());
        assertTrue(machine.library("libcuda.so.1").isEmpty());
    }

    private void write(String path, String text) throws Exception {
        Path file = root.resolve(path);
        Files.createDirectories(file.getParent());
        Files.writeString(file, text);
    }
}
