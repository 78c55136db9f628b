package io.cospadi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.core.domain.Dependency;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.util.List;
import java.util.TreeSet;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Dependencies between packages point one way, and the libraries of the edges stay at the edges. */
class PackageDependencyTest {
    /** From the composition root down to the values; a package may only use those that stand after it. */
    private static final List<String> TOP_TO_BOTTOM = List.of(
            "cli",
            "cluster",
            "report",
            "benchmark",
            "compression",
            "evaluation",
            "format",
            "budget",
            "factorization",
            "quantization",
            "calibration",
            "decoder",
            "checkpoint",
            "backend",
            "gpu",
            "tensor");

    private static JavaClasses classes;

    @BeforeAll
    static void readClasses() {
        classes = new ClassFileImporter()
                .withImportOption(new ImportOption.DoNotIncludeTests())
                .importPackages("io.cospadi");
        assertFalse(classes.isEmpty(), "no classes found");
    }

    @Test
    void everyPackageHasItsPlaceInTheOrder() {
        TreeSet<String> found = new TreeSet<>();
        classes.forEach(type -> found.add(packageOf(type)));
        found.removeAll(TOP_TO_BOTTOM);
        assertEquals(new TreeSet<String>(), found, "packages without a place in the order");
    }

    @Test
    void dependenciesPointDownwards() {
        TreeSet<String> breaches = new TreeSet<>();
        for (JavaClass type : classes) {
            int from = TOP_TO_BOTTOM.indexOf(packageOf(type));
            for (Dependency dependency : type.getDirectDependenciesFromSelf()) {
                JavaClass target = dependency.getTargetClass().getBaseComponentType();
                if (target.getPackageName().startsWith("io.cospadi")
                        && TOP_TO_BOTTOM.indexOf(packageOf(target)) < from) {
                    breaches.add(dependency.getDescription());
                }
            }
        }
        assertEquals(new TreeSet<String>(), breaches, "dependencies that point upwards");
    }

    @Test
    void onlyTheBackendSpeaksToNativeLinearAlgebra() {
        assertUsedOnlyBy("org.bytedeco.openblas", "backend");
    }

    @Test
    void onlyTheDevicesPackageSpeaksToCuda() {
        assertUsedOnlyBy("jcuda", "gpu");
    }

    @Test
    void onlyTheClusterSpeaksToSpark() {
        assertUsedOnlyBy("org.apache.spark", "cluster");
        assertUsedOnlyBy("scala", "cluster");
    }

    @Test
    void onlyTheCommandLineParsesArgumentsAndDrawsProgress() {
        assertUsedOnlyBy("picocli", "cli");
        assertUsedOnlyBy("me.tongfei", "cli");
    }

    @Test
    void onlyTheCommandLinePrintsExitsAndReadsTheEnvironment() {
        TreeSet<String> breaches = new TreeSet<>();
        for (JavaClass type : classes) {
            if (packageOf(type).equals("cli")) {
                continue;
            }
            type.getFieldAccessesFromSelf().stream()
                    .filter(access -> access.getTargetOwner().getName().equals("java.lang.System"))
                    .filter(access -> List.of("out", "err", "in").contains(access.getName()))
                    .forEach(access -> breaches.add(access.getDescription()));
            type.getMethodCallsFromSelf().stream()
                    .filter(call -> call.getTargetOwner().getName().equals("java.lang.System"))
                    .filter(call -> List.of("exit", "getenv", "getProperty").contains(call.getName()))
                    .forEach(call -> breaches.add(call.getDescription()));
        }
        assertEquals(new TreeSet<String>(), breaches, "outside of cli");
    }

    private static void assertUsedOnlyBy(String library, String owner) {
        TreeSet<String> users = new TreeSet<>();
        for (JavaClass type : classes) {
            boolean uses = type.getDirectDependenciesFromSelf().stream()
                    .anyMatch(dependency ->
                            dependency.getTargetClass().getPackageName().startsWith(library));
            if (uses) {
                users.add(packageOf(type));
            }
        }
        users.remove(owner);
        assertTrue(users.isEmpty(), library + " is used outside of " + owner + ": " + users);
    }

    /** The capability: the first package below the root. */
    private static String packageOf(JavaClass type) {
        String name = type.getPackageName();
        assertTrue(name.startsWith("io.cospadi."), type.getName() + " lies in no capability's package");
        return name.substring("io.cospadi.".length()).split("\\.", 2)[0];
    }
}
