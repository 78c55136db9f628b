package io.cospadi.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cospadi.budget.Allocation;
import io.cospadi.budget.Budget;
import io.cospadi.budget.SharingGroup;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/** The sizes that a budget found, for people and for programs. */
record BudgetView(Path work, List<Allocation> allocations) {
    /** A line a projection: its ratio, the rise of the loss that it is predicted to bring, its bytes. */
    String text() {
        boolean predicted = Budget.predictedLoss(allocations).isPresent();
        TextTable table = new TextTable("projection", "k", "s", "ratio", "predicted loss", "bytes");
        for (Allocation allocation : allocations) {
            boolean dense = allocation.isDense();
            table.row(
                    allocation.projection().name().replace("model.layers.", ""),
                    dense ? "dense" : String.valueOf(allocation.k()),
                    dense || allocation.s() == 0 ? "" : String.valueOf(allocation.s()),
                    String.format(Locale.ROOT, "%.4f", allocation.ratio()),
                    predicted
                            ? String.format(
                                    Locale.ROOT,
                                    "%.2e",
                                    allocation.predictedLoss().orElse(0))
                            : "",
                    String.format(Locale.ROOT, "%,d", allocation.bytes()));
        }
        StringBuilder text = new StringBuilder(table.toString());
        text.append(String.format(
                Locale.ROOT,
                "true ratio %.4f over the projections, %s%n",
                Budget.ratio(allocations),
                Quantities.bytes(Budget.bytes(allocations))));
        Budget.predictedLoss(allocations)
                .ifPresent(loss -> text.append(
                        String.format(Locale.ROOT, "predicted rise of the loss %.4f nats a token%n", loss)));
        return text.append(work).append(": sizes for all shares\n").toString();
    }

    ObjectNode json() {
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        json.put("work", work.toString());
        json.put("ratio", Budget.ratio(allocations));
        Budget.predictedLoss(allocations).ifPresent(loss -> json.put("predicted_loss", loss));
        ArrayNode projections = json.putArray("projections");
        for (Allocation allocation : allocations) {
            ObjectNode entry = projections
                    .addObject()
                    .put("name", allocation.projection().name())
                    .put("k", allocation.isDense() ? null : (Integer) allocation.k())
                    .put("s", allocation.isDense() ? null : (Integer) allocation.s())
                    .put("group", allocation.group().map(SharingGroup::name).orElse(null))
                    .put("bytes", allocation.bytes())
                    .put("ratio", allocation.ratio());
            allocation.predictedLoss().ifPresent(loss -> entry.put("predicted_loss", loss));
        }
        return json;
    }
}
