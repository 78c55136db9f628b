package io.cospadi.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

class TextTableTest {
    @Test
    void columnsFitTheirWidestCell() {
        TextTable table = new TextTable("model", "size").row("dense", "4.73 MB").row("CoSpaDi", "4.1 MB");
        assertEquals("""
                ╭─────────┬─────────╮
                │ model   │    size │
                ├─────────┼─────────┤
                │ dense   │ 4.73 MB │
                │ CoSpaDi │  4.1 MB │
                ╰─────────┴─────────╯
                """, table.toString());
        assertThrows(IllegalArgumentException.class, () -> table.row("one"));
    }

    @Test
    void textIsBrokenAtSpacesOnly() {
        assertEquals("* one two\n  three", TextTable.wrap("* ", "  ", "one two three", 10));
        assertEquals("* unbreakably-long\n  x", TextTable.wrap("* ", "  ", "unbreakably-long x", 10));
    }

    @Test
    void bytesHaveThreeDigits() {
        assertEquals("999 B", Quantities.bytes(999));
        assertEquals("1.00 kB", Quantities.bytes(1000));
        assertEquals("4.73 MB", Quantities.bytes(4_727_864));
        assertEquals("47.3 MB", Quantities.bytes(47_278_640));
        assertEquals("473 MB", Quantities.bytes(472_786_400));
        assertEquals("1 thread", Quantities.count(1, "thread"));
    }
}
