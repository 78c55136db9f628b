package io.cospadi.report;

import java.util.List;

/** A part of the page. */
interface Section {
    /** Of the element; the navigation leads there. */
    String id();

    /** Heading. */
    String title();

    /** Writes what these runs have to show of it; nothing at all where they have nothing. */
    void write(Html html, List<LabelledRun> runs);
}
