package io.cospadi.compression;

import java.util.EnumMap;
import java.util.Map;
import java.util.function.LongSupplier;

/**
 * How far a whole job is and how long the rest will take. Work is announced in counted units, kind by kind; each kind has
 * an assumed rate that its measured rate replaces, and kinds that have not begun are corrected by the ratio between
 * measured and assumed that the others showed. Work that an earlier run left behind is never announced, so it doesn't count.
 */
final class WorkMeter {
    /** A kind of work, each with a unit of its own. */
    enum Kind {
        /** Bytes hashed and scanned. */
        READ(1e9),
        /** Operations of forward passes and Grams. */
        CALIBRATE(50e9),
        /** Operations of the budget's decompositions. */
        BUDGET(50e9),
        /** Operations of factorisations. */
        FACTORIZE(50e9),
        /** Operations of forward passes that are scored. */
        EVALUATE(50e9),
        /** Bytes written and verified. */
        WRITE(0.4e9);

        private final double assumedRate;

        Kind(double assumedRate) {
            this.assumedRate = assumedRate;
        }
    }

    private static final double TRUSTED_SECONDS = 0.5;

    private static final class Account {
        double total;
        double done;
        double seconds;
    }

    private final Map<Kind, Account> accounts = new EnumMap<>(Kind.class);
    private final LongSupplier nanoClock;
    private Kind active;
    private long activeSince;
    private double highestFraction;
    private boolean complete;

    WorkMeter(LongSupplier nanoClock) {
        this.nanoClock = nanoClock;
        for (Kind kind : Kind.values()) {
            accounts.put(kind, new Account());
        }
    }

    /** More units of a kind lie ahead. */
    void expect(Kind kind, double units) {
        accounts.get(kind).total += units;
    }

    /** Everything that lies ahead has been announced by now. */
    void allAnnounced() {
        complete = true;
    }

    /** From now on time is spent on this kind. */
    void begin(Kind kind) {
        settle();
        active = kind;
    }

    /** The kind begun last has now reached {@code done} units in all. */
    void reached(double done) {
        settle();
        Account account = accounts.get(active);
        account.done = Math.max(account.done, done);
        account.total = Math.max(account.total, account.done);
    }

    /** Units of a kind done so far. */
    double done(Kind kind) {
        return accounts.get(kind).done;
    }

    private void settle() {
        long now = nanoClock.getAsLong();
        if (active != null) {
            accounts.get(active).seconds += (now - activeSince) / 1e9;
        }
        activeSince = now;
    }

    /** Seconds that the announced rest will take. */
    double secondsLeft() {
        double assumed = 0;
        double measured = 0;
        for (Map.Entry<Kind, Account> entry : accounts.entrySet()) {
            Account account = entry.getValue();
            if (trusted(account) && entry.getKey().assumedRate >= Kind.CALIBRATE.assumedRate) {
                assumed += account.done / entry.getKey().assumedRate;
                measured += account.seconds;
            }
        }
        double correction = assumed > 0 ? measured / assumed : 1;
        double left = 0;
        for (Map.Entry<Kind, Account> entry : accounts.entrySet()) {
            Account account = entry.getValue();
            double perUnit =
                    trusted(account) ? account.seconds / account.done : correction / entry.getKey().assumedRate;
            left += (account.total - account.done) * perUnit;
        }
        return left;
    }

    private static boolean trusted(Account account) {
        return account.done > 0 && account.seconds >= TRUSTED_SECONDS;
    }

    /** Share of the job's time that is over, in [0, 1]; never falls. 0 as long as not all work is announced. */
    double fraction() {
        if (!complete) {
            return 0;
        }
        double spent = 0;
        for (Account account : accounts.values()) {
            spent += account.seconds;
        }
        double left = secondsLeft();
        // what is left never reads as nothing
        double fraction = left <= 0 ? 1 : Math.min(0.99, spent / (spent + left));
        highestFraction = Math.max(highestFraction, Math.min(1, fraction));
        return highestFraction;
    }
}
