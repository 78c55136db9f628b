/**
 * The command line: arguments become records, results become lines or one JSON object. The only package that prints,
 * exits, reads the environment, or draws progress.
 *
 * <p>Start at {@link io.cospadi.cli.Main}; each command is a class of its own. Status: 0 done, 1 failed, 2 usage, 75
 * stopped by a signal with all finished work kept. Failures are one line on stderr that begins with {@code cospadi: }.
 */
package io.cospadi.cli;
