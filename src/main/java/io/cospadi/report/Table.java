package io.cospadi.report;

import java.util.List;

/**
 * Numbers to be read; the first cell of a row names it. Scrolls in a box of its own where it is wider than the page.
 *
 * @param caption what it shows
 * @param head    column names
 * @param rows    as wide as the head
 */
record Table(String caption, List<String> head, List<List<Cell>> rows) {
    /**
     * @param text  shown
     * @param style classes of the style sheet; empty for none
     */
    record Cell(String text, String style) {
        static Cell text(String text) {
            return new Cell(text, "");
        }

        static Cell number(String text) {
            return new Cell(text, "number");
        }
    }

    void write(Html html, String style) {
        html.open(
                "div", "class", ("scroll " + style).strip(), "tabindex", "0", "role", "region", "aria-label", caption);
        html.open("table").element("caption", caption);
        html.open("thead").open("tr");
        for (int i = 0; i < head.size(); i++) {
            html.element("th", head.get(i), "scope", "col", "class", i > 0 && numeric(i) ? "number" : null);
        }
        html.close("tr", "thead").open("tbody");
        for (List<Cell> row : rows) {
            html.open("tr");
            for (int i = 0; i < row.size(); i++) {
                Cell cell = row.get(i);
                String classes = cell.style().isEmpty() ? null : cell.style();
                if (i == 0) {
                    html.element("th", cell.text(), "scope", "row", "class", classes);
                } else {
                    html.element("td", cell.text(), "class", classes);
                }
            }
            html.close("tr");
        }
        html.close("tbody", "table", "div");
    }

    private boolean numeric(int column) {
        return !rows.isEmpty() && rows.get(0).get(column).style().startsWith("number");
    }
}
