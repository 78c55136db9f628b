/**
 * Runs made visible. In: one or several {@link io.cospadi.compression.RunReport}s. Out: one HTML file that needs nothing
 * but itself, with every figure both drawn and in a table. Start at {@link io.cospadi.report.HtmlReport}.
 */
package io.cospadi.report;
