package io.cospadi.cli;

import io.cospadi.compression.RunReport;
import io.cospadi.compression.RunReport.Sample;

/**
 * What the demo found out about one model.
 *
 * @param method     "dense", or the method as on the command line
 * @param ratio      share of the projections' bytes saved; 0 for the dense model
 * @param bytes      of the safetensors file
 * @param perplexity token perplexity of the held-out text
 * @param seconds    that compressing took; 0 for the dense model
 * @param sample     what it wrote
 * @param report     of the run; null for the dense model
 */
record DemoResult(
        String method, double ratio, long bytes, double perplexity, double seconds, Sample sample, RunReport report) {
    static DemoResult dense(long bytes, double perplexity, Sample sample) {
        return new DemoResult("dense", 0, bytes, perplexity, 0, sample, null);
    }

    static DemoResult of(long bytes, double perplexity, Sample sample, RunReport report) {
        return new DemoResult(
                report.run().method(),
                report.ratio().projections(),
                bytes,
                perplexity,
                report.seconds(),
                sample,
                report);
    }

    boolean compressed() {
        return report != null;
    }
}
