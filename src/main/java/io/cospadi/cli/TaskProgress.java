package io.cospadi.cli;

import io.cospadi.tensor.Progress;

/** One task's progress shown like a job's; the time left is that of the remaining units at the rate so far. */
final class TaskProgress implements Progress {
    private final JobDisplay display;
    private final String doing;
    private final long began = System.nanoTime();

    TaskProgress(JobDisplay display, String doing) {
        this.display = display;
        this.doing = doing;
    }

    @Override
    public void advance(long done, long total) {
        double fraction = total == 0 ? 1 : (double) done / total;
        double seconds = (System.nanoTime() - began) * 1e-9;
        display.progress(
                doing, fraction, fraction > 0 ? seconds * (1 - fraction) / fraction : Double.POSITIVE_INFINITY);
    }
}
