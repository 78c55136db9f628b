package io.cospadi.report;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * One canvas and the numbers on it. The script of the page draws it from {@link #json}, readers without it get
 * {@link #table}: both come from the same series.
 *
 * @param id     of the canvas; unique on the page
 * @param title  what is seen, for the heading of the panel and for those who can't see it
 * @param kind   how it is drawn
 * @param x      what runs along the categories
 * @param y      what is measured
 * @param unit   of the measured values
 * @param xUnit  of the horizontal values of {@link Kind#SCATTER}; null for the others
 * @param log    whether the value axis is logarithmic
 * @param least  lower end of the value axis; null for whatever fits
 * @param most   its upper end
 * @param ticks  categories; empty for {@link Kind#SCATTER}
 * @param series what is drawn
 */
record Plot(
        String id,
        String title,
        Kind kind,
        String x,
        String y,
        Unit unit,
        Unit xUnit,
        boolean log,
        Double least,
        Double most,
        List<String> ticks,
        List<Series> series) {
    private static final ObjectMapper JSON = new ObjectMapper();

    /** Forms that the page's script knows. */
    enum Kind {
        /** Upright bars, series beside each other. */
        BARS,
        /** Lying bars with their values at their ends; of one series, one colour a bar. */
        RANKING,
        /** Lying bars, series one after another. */
        STACK,
        /** Upright bars, series on top of each other; a series coloured "outline" is a line. */
        COLUMNS,
        /** Lines over the ticks. */
        LINES,
        /** One labelled point a series. */
        SCATTER
    }

    /**
     * @param label   of the legend
     * @param colours role of the colour, such as "run0" or "type3"; one, or one a tick
     * @param xs      horizontal places of {@link Kind#SCATTER}, empty for the others
     * @param values  one a tick; null where there is none
     */
    record Series(String label, List<String> colours, List<Double> xs, List<Double> values) {
        static Series of(String label, String colour, List<Double> values) {
            return new Series(label, List.of(colour), List.of(), values);
        }

        static Series point(String label, String colour, double x, double y) {
            return new Series(label, List.of(colour), List.of(x), List.of(y));
        }
    }

    /** A plot over ticks with a linear axis that fits its values. */
    static Plot of(
            String id,
            String title,
            Kind kind,
            String x,
            String y,
            Unit unit,
            List<String> ticks,
            List<Series> series) {
        return new Plot(id, title, kind, x, y, unit, null, false, null, null, ticks, series);
    }

    /** The same on a logarithmic axis between two values. */
    Plot logarithmic(Double from, Double to) {
        return new Plot(id, title, kind, x, y, unit, xUnit, true, from, to, ticks, series);
    }

    /** For the script; safe inside of a script element. */
    String json() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("title", title);
        map.put("kind", kind.name().toLowerCase(Locale.ROOT));
        map.put("x", x);
        map.put("y", y);
        map.put("unit", unit.name().toLowerCase(Locale.ROOT));
        map.put("xUnit", xUnit == null ? null : xUnit.name().toLowerCase(Locale.ROOT));
        map.put("log", log);
        map.put("least", least);
        map.put("most", most);
        map.put("ticks", ticks);
        map.put("series", series);
        try {
            return JSON.writeValueAsString(map)
                    .replace("<", "\\u003c")
                    .replace(">", "\\u003e")
                    .replace("&", "\\u0026");
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a plot that is no JSON: " + id, e);
        }
    }

    /** The same numbers to be read: ticks down, series across. */
    Table table() {
        List<String> head = new ArrayList<>();
        List<List<Table.Cell>> rows = new ArrayList<>();
        if (kind == Kind.SCATTER) {
            head.addAll(List.of("", x, y));
            for (Series points : series) {
                rows.add(List.of(
                        Table.Cell.text(points.label()),
                        Table.Cell.number(xUnit.formatOrDash(points.xs().get(0))),
                        Table.Cell.number(unit.formatOrDash(points.values().get(0)))));
            }
            return new Table(title, head, rows);
        }
        head.add(x);
        series.forEach(values -> head.add(values.label()));
        for (int i = 0; i < ticks.size(); i++) {
            List<Table.Cell> row = new ArrayList<>();
            row.add(Table.Cell.text(ticks.get(i)));
            for (Series values : series) {
                row.add(Table.Cell.number(unit.formatOrDash(
                        i < values.values().size() ? values.values().get(i) : null)));
            }
            rows.add(row);
        }
        return new Table(title, head, rows);
    }
}
