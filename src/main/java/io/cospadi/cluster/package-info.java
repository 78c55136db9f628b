/**
 * A job's tasks carried out by Apache Spark: {@link io.cospadi.cluster.SparkEngine} is an engine for
 * {@link io.cospadi.compression.CompressionJob}. In: tasks that name files. Out: files, and a few numbers. Placement, retries,
 * copies of slow tasks and GPUs are Spark's business; this package only says what a task is.
 *
 * <p>The only importer of Spark, which is not in the jar: the cluster that the program is submitted to brings it.
 */
package io.cospadi.cluster;
