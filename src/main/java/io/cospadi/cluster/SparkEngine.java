package io.cospadi.cluster;

import io.cospadi.compression.Engine;
import io.cospadi.compression.JobDescription;
import io.cospadi.compression.JobListener;
import io.cospadi.compression.JobTask;
import io.cospadi.compression.StoppedException;
import io.cospadi.tensor.CospadiException;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import scala.collection.Iterator;
import scala.reflect.ClassTag;
import scala.reflect.ClassTag$;
import scala.runtime.AbstractFunction1;
import scala.runtime.AbstractFunction2;
import scala.runtime.BoxedUnit;

/**
 * Carries out a job's tasks as Spark tasks, one stage of Spark's for each of the job's, in the order given, which Spark keeps as
 * long as no executor is nearer to any data: every task goes to the next free slot. Spark's pages name stages and tasks. What a
 * task answers passes through the driver; Grams, weights and factors never do.
 */
public final class SparkEngine implements Engine, AutoCloseable {
    private static final String GROUP = "cospadi";
    private static final long POLL_MILLIS = 200;

    private final JavaSparkContext spark;
    private final BackendSource backends;
    private final JobListener listener;
    private final BooleanSupplier stop;
    private final BlockingQueue<Runnable> arrivals = new LinkedBlockingQueue<>();
    private final SparkEvents events = new SparkEvents(note -> arrivals.add(() -> note(note)));
    private String backend;

    private SparkEngine(JavaSparkContext spark, BackendSource backends, JobListener listener, BooleanSupplier stop) {
        this.spark = spark;
        this.backends = backends;
        this.listener = listener;
        this.stop = stop;
        spark.sc().addSparkListener(events);
    }

    /**
     * Connects to the cluster that {@code spark-submit} named.
     *
     * @param application name of it, for Spark's pages
     * @param backends    what tasks compute with
     * @param listener    told, on the thread that calls {@link #run}, of what Spark puts right
     * @param stop        whether to stop
     */
    public static SparkEngine connect(
            String application, BackendSource backends, JobListener listener, BooleanSupplier stop) {
        SparkConf conf = new SparkConf();
        if (!conf.contains("spark.master")) {
            throw new CospadiException("no Spark cluster is named; start this command by spark-submit --master URL");
        }
        return new SparkEngine(new JavaSparkContext(conf.setAppName(application)), backends, listener, stop);
    }

    /** Processors that a task has to itself: {@code spark.task.cpus}. */
    public static int taskProcessors() {
        return new SparkConf().getInt("spark.task.cpus", 1);
    }

    /**
     * Asks as many tasks as run at the same time; whatever joins later is compared when it begins its first task.
     *
     * @throws CospadiException if they don't compute with the same
     */
    @Override
    public String backend() {
        if (backend == null) {
            List<Integer> slots = IntStream.range(0, slots()).boxed().toList();
            BackendSource source = backends;
            List<Probe> probes = new ArrayList<>();
            carryOut(
                    "asking what tasks compute with",
                    spark.parallelize(slots, slots.size()).map(slot -> Probe.here(source)),
                    Probe.class,
                    (slot, probe) -> probes.add(probe));
            backend = common(probes);
        }
        return backend;
    }

    private String common(List<Probe> probes) {
        TreeSet<String> identities = probes.stream().map(Probe::backend).collect(Collectors.toCollection(TreeSet::new));
        if (identities.size() > 1) {
            throw new CospadiException(
                    "executors compute with different backends, so the result would depend on who did"
                            + " what: "
                            + probes.stream()
                                    .map(probe -> probe.host() + ": " + probe.backend())
                                    .distinct()
                                    .collect(Collectors.joining("; "))
                            + "; use machines of one kind, or --conf spark.executorEnv.OPENBLAS_CORETYPE=... to set one kernel");
        }
        TreeSet<String> devices = new TreeSet<>();
        probes.forEach(probe -> {
            if (probe.device() != null) {
                devices.add(probe.device());
            }
        });
        String identity = identities.first();
        if (!devices.isEmpty() && identity.startsWith("cpu ")) {
            listener.warning("Spark sets GPUs apart for tasks (" + String.join(", ", devices)
                    + "), but they compute on the CPU; the executors' logs say why");
        }
        listener.note("tasks compute with " + identity);
        return identity;
    }

    @Override
    public int slots() {
        return Math.max(1, spark.defaultParallelism() / taskProcessors());
    }

    @Override
    public void run(JobDescription job, List<JobTask> tasks, BiConsumer<JobTask, String> arrived) {
        if (tasks.isEmpty()) {
            return;
        }
        String title = title(tasks);
        TaskFunction function = new TaskFunction(job, backends, spark.sc().<String>collectionAccumulator("task"));
        events.watch(tasks);
        carryOut(
                title,
                spark.parallelize(tasks, tasks.size()).map(function),
                String.class,
                (index, answer) -> arrived.accept(tasks.get(index), answer));
    }

    /** "factorising: 14 tasks, model.layers.1.mlp.up_proj to model.layers.0.self_attn.k_proj". */
    private static String title(List<JobTask> tasks) {
        String kinds =
                tasks.stream().map(task -> task.kind().doing()).distinct().collect(Collectors.joining(", "));
        return kinds + ": " + tasks.size() + " tasks, " + tasks.get(0).name() + " to "
                + tasks.get(tasks.size() - 1).name();
    }

    /** Runs a stage on a thread of its own; what arrives is told on this one, which also sees to it that a stop is obeyed. */
    private <T> void carryOut(String title, JavaRDD<T> results, Class<T> type, BiConsumer<Integer, T> arrived) {
        Throwable[] failure = new Throwable[1];
        boolean[] done = new boolean[1];
        Thread stage = new Thread(
                () -> {
                    try {
                        spark.sc().setJobGroup(GROUP, title, true);
                        results.setName(title);
                        runJob(results, type, (index, result) -> arrivals.add(() -> arrived.accept(index, result)));
                    } catch (Throwable e) {
                        failure[0] = e;
                    }
                    arrivals.add(() -> done[0] = true);
                },
                "spark-stage");
        stage.setDaemon(true);
        stage.start();
        try {
            while (!done[0]) {
                Runnable next = arrivals.poll(POLL_MILLIS, TimeUnit.MILLISECONDS);
                if (stop.getAsBoolean()) {
                    throw new StoppedException();
                }
                if (next != null) {
                    next.run();
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new StoppedException();
        } finally {
            if (!done[0]) {
                spark.sc().cancelJobGroup(GROUP);
            }
        }
        if (failure[0] != null) {
            throw reported(failure[0]);
        }
    }

    private void note(String note) {
        listener.note(note);
    }

    /** A task's own words, where they are the cause. */
    private static RuntimeException reported(Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof CospadiException known) {
                return known;
            }
        }
        return new CospadiException(
                "Spark gave up: "
                        + String.valueOf(failure.getMessage())
                                .lines()
                                .findFirst()
                                .orElse(""),
                failure);
    }

    private <T> void runJob(JavaRDD<T> results, Class<T> type, BiConsumer<Integer, T> arrived) {
        ClassTag<T> tag = ClassTag$.MODULE$.apply(type);
        spark.sc().runJob(results.rdd(), new Only<T>(), new Handler<>(arrived), tag);
    }

    /** The one element of a partition. */
    private static final class Only<T> extends AbstractFunction1<Iterator<T>, T> implements Serializable {
        private static final long serialVersionUID = 1;

        @Override
        public T apply(Iterator<T> partition) {
            return partition.next();
        }
    }

    /** Told a partition's number and its result, on a thread of Spark's. */
    private static final class Handler<T> extends AbstractFunction2<Object, T, BoxedUnit> {
        private final BiConsumer<Integer, T> arrived;

        Handler(BiConsumer<Integer, T> arrived) {
            this.arrived = arrived;
        }

        @Override
        public BoxedUnit apply(Object partition, T result) {
            arrived.accept((Integer) partition, result);
            return BoxedUnit.UNIT;
        }
    }

    /** Leaves the cluster. */
    @Override
    public void close() {
        spark.close();
    }
}
