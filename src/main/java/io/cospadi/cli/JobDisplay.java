package io.cospadi.cli;

import io.cospadi.compression.JobListener;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.LongSupplier;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/** A job on stderr: a bar with the time left on a terminal, elsewhere a plain line every 30 seconds; notes in between. */
final class JobDisplay implements JobListener, AutoCloseable {
    private static final long STEPS = 1000;
    private static final long LINE_NANOS = 30_000_000_000L;
    private static final int REDRAW_MILLIS = 250;

    private final Terminal terminal;
    private final LongSupplier nanoClock;
    private ProgressBar bar;
    private volatile double secondsLeft;
    private long lastLine;

    JobDisplay(Terminal terminal, LongSupplier nanoClock) {
        this.terminal = terminal;
        this.nanoClock = nanoClock;
        this.lastLine = nanoClock.getAsLong();
    }

    @Override
    public void note(String line) {
        interrupt();
        terminal.note(line);
    }

    @Override
    public void warning(String line) {
        interrupt();
        terminal.note("warning: " + line);
    }

    @Override
    public void progress(String doing, double fraction, double left) {
        secondsLeft = left;
        if (terminal.columns().isPresent()) {
            if (bar == null) {
                bar = open(terminal.columns());
            }
            bar.setExtraMessage(" " + doing);
            bar.stepTo(Math.round(fraction * STEPS));
            return;
        }
        long now = nanoClock.getAsLong();
        if (now - lastLine >= LINE_NANOS) {
            lastLine = now;
            terminal.note(
                    String.format(Locale.ROOT, "%.0f %% done, %s left, %s", 100 * fraction, duration(left), doing));
        }
    }

    private ProgressBar open(OptionalInt columns) {
        return new ProgressBarBuilder()
                .setTaskName("cospadi")
                .setInitialMax(STEPS)
                .setStyle(ProgressBarStyle.ASCII)
                .setUpdateIntervalMillis(REDRAW_MILLIS)
                .setConsumer(new ConsoleProgressBarConsumer(terminal.err(), columns.getAsInt() - 1))
                .setRenderer((state, width) -> render(state.getCurrent(), state.getExtraMessage(), width))
                .setEtaFunction(state -> Optional.of(Duration.ofMillis((long) (1000 * secondsLeft))))
                .build();
    }

    /** " 37% [=======>          ] 4 min left  factorising layers.3.mlp.up_proj", cut to the width. */
    private String render(long current, String doing, int width) {
        int cells = Math.max(5, Math.min(30, width / 3));
        int full = (int) (cells * current / STEPS);
        String text = String.format(
                Locale.ROOT,
                "%3d%% [%s%s] %s left %s",
                100 * current / STEPS,
                "=".repeat(full),
                " ".repeat(cells - full),
                duration(secondsLeft),
                doing);
        return text.length() > width ? text.substring(0, width) : text;
    }

    /** "8 s", "4 min", "2 h 05 min". */
    static String duration(double seconds) {
        if (!(seconds < 1e9)) {
            return "unknown time";
        }
        long whole = Math.round(seconds);
        if (whole < 90) {
            return whole + " s";
        }
        long minutes = Math.round(seconds / 60);
        return minutes < 90
                ? minutes + " min"
                : String.format(Locale.ROOT, "%d h %02d min", minutes / 60, minutes % 60);
    }

    /** Ends the line of the bar, so that what follows has its own; the next progress draws a new one. */
    private void interrupt() {
        if (bar != null) {
            bar.close();
            bar = null;
        }
    }

    @Override
    public void close() {
        interrupt();
    }
}
