package io.cospadi.gpu;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Says of a library that could not be loaded which one it is and how to get it, from what JCuda reports. */
final class LoadFailure {
    private static final Pattern MISSING = Pattern.compile("(lib[\\w.]+\\.so[.\\d]*): cannot open shared object file");
    private static final Pattern NOT_EXECUTABLE =
            Pattern.compile("(\\S+)/lib[\\w.-]+\\.so: failed to map segment from shared object");
    private static final Pattern LAST_ATTEMPT = Pattern.compile("as a resource:\\R(.*)");

    private LoadFailure() {}

    /** One line: what is missing, and the remedy. */
    static String describe(LinkageError error) {
        String said = String.valueOf(error.getMessage());
        Matcher missing = MISSING.matcher(said);
        if (missing.find()) {
            String library = missing.group(1);
            return library + " is not found; "
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
        Matcher attempt = LAST_ATTEMPT.matcher(said);
        String reason =
                attempt.find() ? attempt.group(1) : said.lines().findFirst().orElse("");
        return "the CUDA libraries can't be loaded (" + reason
                + "); the program brings them for Linux on x86-64 only, and unpacks them to the temporary folder";
    }
}
