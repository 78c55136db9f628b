package io.cospadi.compression;

import java.io.IOException;
import java.nio.file.Path;

/** Writes what people read of a {@link RunReport}, beside report.json. */
@FunctionalInterface
public interface ReportPage {
    /** No page. */
    ReportPage NONE = (report, folder) -> {};

    /**
     * Writes into a folder.
     *
     * @param folder holds report.json already
     */
    void write(RunReport report, Path folder) throws IOException;
}
