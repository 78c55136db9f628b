package io.cospadi.cli;

import java.io.IOException;
import java.io.InputStream;
import java.util.Properties;

/**
 * Which build this is.
 *
 * @param version of the project
 * @param commit  abbreviated, with "-dirty" where sources differed from it; "unknown" outside of a git checkout
 */
record BuildInfo(String version, String commit) {
    /** What the build wrote beside the classes. */
    static BuildInfo read() {
        Properties properties = new Properties();
        try (InputStream stream = BuildInfo.class.getResourceAsStream("/io/cospadi/build.properties")) {
            if (stream != null) {
                properties.load(stream);
            }
        } catch (IOException e) {
            throw new IllegalStateException("the build's own properties can't be read", e);
        }
        String commit = properties.getProperty("git.commit.id.abbrev", "unknown");
        boolean dirty = Boolean.parseBoolean(properties.getProperty("git.dirty", "false"));
        return new BuildInfo(
                properties.getProperty("git.build.version", "unknown"), dirty ? commit + "-dirty" : commit);
    }

    /** "0.1.0 (commit 0123456)". */
    @Override
    public String toString() {
        return version + " (commit " + commit + ")";
    }
}
