package io.cospadi.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.backend.DeviceTimes;
import java.util.List;
import java.util.Locale;

/** Where a device's time went, as a table. */
final class DeviceTimesView {
    private static final int MOST = 20;

    private DeviceTimesView() {}

    /**
     * Empty for none.
     *
     * @param seconds of all that was watched, of which products have a share
     */
    static String text(List<DeviceTimes.Entry> entries, double seconds) {
        if (entries.isEmpty()) {
            return "";
        }
        double all =
                entries.stream().mapToDouble(DeviceTimes.Entry::milliseconds).sum();
        TextTable table = new TextTable("on the device", "ms", "share", "calls", "us a call");
        for (DeviceTimes.Entry entry : entries.subList(0, Math.min(MOST, entries.size()))) {
            table.row(
                    entry.kind(),
                    String.format(Locale.ROOT, "%.1f", entry.milliseconds()),
                    String.format(Locale.ROOT, "%.0f %%", 100 * entry.milliseconds() / all),
                    String.valueOf(entry.calls()),
                    String.format(Locale.ROOT, "%.1f", 1e3 * entry.milliseconds() / entry.calls()));
        }
        double products = DeviceTimes.productMilliseconds(entries);
        return table
                + String.format(
                        Locale.ROOT,
                        "in all %.1f ms at work; dense products %.1f, %.0f %% of the factorisation's %.2f s%n",
                        all,
                        products,
                        products / seconds / 10,
                        seconds);
    }

    /** The same in figures, as "device"; nothing for none. */
    static void put(ObjectNode json, List<DeviceTimes.Entry> entries) {
        if (!entries.isEmpty()) {
            json.put("seconds_of_products_on_device", DeviceTimes.productMilliseconds(entries) / 1e3);
            ArrayNode array = json.putArray("device");
            for (DeviceTimes.Entry entry : entries) {
                array.addObject()
                        .put("kind", entry.kind())
                        .put("milliseconds", entry.milliseconds())
                        .put("calls", entry.calls());
            }
        }
    }
}
