package io.cospadi.gpu;

import java.lang.management.ManagementFactory;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Says of a library that could not be loaded which one it is and how to get it, from what JCuda reports. */
final class LoadFailure {
    private static final Pattern MISSING = Pattern.compile("(lib[\\w.]+\\.so[.\\d]*): cannot open shared object file");
    private static final Pattern NOT_EXECUTABLE =
            Pattern.compile("(\\S+)/lib[\\w.-]+\\.so: failed to map segment from shared object");
    private static final Pattern OTHER_VERSION =
            Pattern.compile("lib[\\w.-]+: (version \\S+ not found|undefined symbol: \\w+)");
    private static final Pattern LAST_ATTEMPT = Pattern.compile("as a resource:\\R(.*)");

    private LoadFailure() {}

    /** One line: what is missing, where it was looked for, and the remedy. */
    static String describe(LinkageError error) {
        return describe(error, givenFolders(ManagementFactory.getRuntimeMXBean().getLibraryPath()));
    }

    /** The virtual machine puts those of LD_LIBRARY_PATH before its own. */
    static String givenFolders(String libraryPath) {
        int own = libraryPath.indexOf("/usr/java/packages/lib");
        return own < 0 ? libraryPath : libraryPath.substring(0, Math.max(0, own - 1));
    }

    /** @param searched folders that come before the system's own, with colons between them */
    static String describe(LinkageError error, String searched) {
        String said = String.valueOf(error.getMessage());
        Matcher missing = MISSING.matcher(said);
        if (missing.find()) {
            String library = missing.group(1);
            String folders = searched.isEmpty()
                    ? "the system's folders, and LD_LIBRARY_PATH is empty"
                    : "LD_LIBRARY_PATH (" + searched + ") and the system's folders";
            return library + " is not found in " + folders + "; "
                    + (library.startsWith("libcuda.")
                            ? "install the NVIDIA driver, which brings it"
                            : "install CUDA 12 (or its runtime libraries) and put the folder of " + library
                                    + " on LD_LIBRARY_PATH");
        }
        Matcher folder = NOT_EXECUTABLE.matcher(said);
        if (folder.find()) {
            return "nothing in " + folder.group(1) + ", where JCuda is unpacked to, may be executed; "
                    + "set COSPADI_JAVA_OPTS=-Djava.io.tmpdir=FOLDER to a folder that is not mounted noexec";
        }
        Matcher other = OTHER_VERSION.matcher(said);
        if (other.find()) {
            return "a CUDA library is of another version than the program needs (" + other.group()
                    + "); install CUDA 12 and put the folder of its libraries first on LD_LIBRARY_PATH";
        }
        Matcher attempt = LAST_ATTEMPT.matcher(said);
        String reason =
                attempt.find() ? attempt.group(1) : said.lines().findFirst().orElse("");
        return "the CUDA libraries can't be loaded (" + reason
                + "); the program brings them for Linux on x86-64 only, and unpacks them to the temporary folder";
    }
}
