package io.cospadi.report;

import java.util.List;

/**
 * One or more panels that are read together, what they say, and their numbers as tables.
 *
 * @param id      of the element
 * @param title   its heading
 * @param caption how to read it
 * @param panels  at least one
 * @param tables  the numbers, where they say more than the panels' own; empty for those
 * @param small   whether panels are small multiples, many side by side
 */
record Figure(String id, String title, String caption, List<Plot> panels, List<Table> tables, boolean small) {
    static Figure of(String id, String title, String caption, Plot panel) {
        return new Figure(id, title, caption, List.of(panel), List.of(), false);
    }

    void write(Html html) {
        html.open("figure", "id", id).element("h3", title);
        html.open("div", "class", small ? "panels small" : "panels");
        for (Plot panel : panels) {
            html.open("div", "class", "panel");
            if (panels.size() > 1) {
                html.element("h4", panel.title());
            }
            html.open("div", "class", "canvas " + shape(panel));
            html.open("canvas", "id", panel.id(), "role", "img", "aria-label", panel.title() + ", " + panel.y());
            html.close("canvas", "div");
            if (!small && panel.kind() != Plot.Kind.LINES && panel.kind() != Plot.Kind.SCATTER) {
                legend(html, panel);
            }
            html.open("script", "type", "application/json", "class", "plot", "data-canvas", panel.id())
                    .raw(panel.json())
                    .close("script");
            html.close("div");
        }
        html.close("div");
        if (small) {
            legend(html, panels.get(0));
        }
        html.element("figcaption", caption);
        html.open("details", "open", tables.isEmpty() || !small ? null : "").element("summary", "The numbers");
        if (tables.isEmpty()) {
            panels.forEach(panel -> panel.table().write(html, ""));
        } else {
            html.open("div", "class", "tables");
            tables.forEach(table -> table.write(html, "tall"));
            html.close("div");
        }
        html.close("details", "figure");
    }

    /** Beside the canvas rather than on it, where it could take the bars' room; lines have theirs there, with their marks. */
    private static void legend(Html html, Plot panel) {
        if (panel.series().size() > 1) {
            html.open("p", "class", "legend");
            panel.series()
                    .forEach(series -> html.element(
                            "span",
                            series.label(),
                            "class",
                            "key " + series.colours().get(0)));
            html.close("p");
        }
    }

    /** Lying bars need height by their number, everything else has one of its own. */
    private String shape(Plot panel) {
        if (panel.kind() == Plot.Kind.RANKING || panel.kind() == Plot.Kind.STACK) {
            return "bars" + Math.min(12, panel.ticks().size());
        }
        return small ? "low" : "high";
    }
}
