package io.cospadi.compression;

import java.io.IOException;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What a compact folder calls the model it was made from.
 *
 * @param name   "organisation/name" for a snapshot in the hub's cache, else the folder's own name
 * @param commit of a snapshot, or null
 */
record BaseModel(String name, String commit) {
    private static final Pattern SNAPSHOT = Pattern.compile("models--(.+)--(.+)");

    /** By the folder's place, without its path: equal results must not depend on where they were made. */
    static BaseModel of(Path folder) {
        Path real;
        try {
            real = folder.toRealPath();
        } catch (IOException e) {
            real = folder.toAbsolutePath().normalize();
        }
        int names = real.getNameCount();
        if (names >= 3 && real.getName(names - 2).toString().equals("snapshots")) {
            Matcher repository = SNAPSHOT.matcher(real.getName(names - 3).toString());
            if (repository.matches()) {
                return new BaseModel(
                        repository.group(1) + "/" + repository.group(2),
                        real.getFileName().toString());
            }
        }
        return new BaseModel(names == 0 ? "model" : real.getFileName().toString(), null);
    }
}
