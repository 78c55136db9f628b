package io.cospadi.cli;

import java.util.ArrayList;
import java.util.List;

/** A table for terminals, in boxes; the first column is left-aligned, figures to the right. */
final class TextTable {
    private final List<String> head;
    private final List<List<String>> rows = new ArrayList<>();

    TextTable(String... head) {
        this.head = List.of(head);
    }

    TextTable row(String... cells) {
        if (cells.length != head.size()) {
            throw new IllegalArgumentException(cells.length + " cells for " + head.size() + " columns");
        }
        rows.add(List.of(cells));
        return this;
    }

    @Override
    public String toString() {
        int[] widths = new int[head.size()];
        measure(widths, head);
        rows.forEach(row -> measure(widths, row));
        StringBuilder out = new StringBuilder();
        rule(out, widths, "╭", "┬", "╮");
        line(out, widths, head);
        rule(out, widths, "├", "┼", "┤");
        rows.forEach(row -> line(out, widths, row));
        rule(out, widths, "╰", "┴", "╯");
        return out.toString();
    }

    private static void measure(int[] widths, List<String> row) {
        for (int i = 0; i < widths.length; i++) {
            widths[i] = Math.max(widths[i], length(row.get(i)));
        }
    }

    private static void rule(StringBuilder out, int[] widths, String left, String middle, String right) {
        for (int i = 0; i < widths.length; i++) {
            out.append(i == 0 ? left : middle).append("─".repeat(widths[i] + 2));
        }
        out.append(right).append('\n');
    }

    private static void line(StringBuilder out, int[] widths, List<String> row) {
        for (int i = 0; i < widths.length; i++) {
            String space = " ".repeat(widths[i] - length(row.get(i)));
            out.append("│ ")
                    .append(i == 0 ? row.get(i) + space : space + row.get(i))
                    .append(' ');
        }
        out.append("│\n");
    }

    private static int length(String text) {
        return text.codePointCount(0, text.length());
    }

    /**
     * A text broken at spaces so that no line is longer than {@code width}, unless one word is.
     *
     * @param first  stands before the first line
     * @param others stands before the others
     */
    static String wrap(String first, String others, String text, int width) {
        StringBuilder out = new StringBuilder(first);
        int column = length(first);
        boolean fresh = true;
        for (String word : text.strip().split("\\s+")) {
            if (!fresh && column + 1 + length(word) > width) {
                out.append('\n').append(others);
                column = length(others);
                fresh = true;
            }
            out.append(fresh ? "" : " ").append(word);
            column += length(word) + (fresh ? 0 : 1);
            fresh = false;
        }
        return out.toString();
    }
}
