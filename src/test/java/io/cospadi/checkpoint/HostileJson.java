package io.cospadi.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Replaces values anywhere in a JSON tree by ones that nobody should believe. */
public final class HostileJson {
    private HostileJson() {}

    /** A copy of {@code sound} with a few values replaced, removed or added. */
    public static ObjectNode of(ObjectNode sound, Random random) {
        ObjectNode hostile = sound.deepCopy();
        for (int i = 1 + random.nextInt(3); i > 0; i--) {
            List<JsonNode> containers = new ArrayList<>();
            collect(hostile, containers);
            edit(containers.get(random.nextInt(containers.size())), random);
        }
        return hostile;
    }

    private static void collect(JsonNode node, List<JsonNode> containers) {
        if (node.isContainerNode()) {
            containers.add(node);
            node.forEach(child -> collect(child, containers));
        }
    }

    private static void edit(JsonNode container, Random random) {
        if (container instanceof ArrayNode list) {
            if (list.isEmpty() || random.nextInt(4) == 0) {
                list.add(value(random));
            } else if (random.nextInt(4) == 0) {
                list.remove(random.nextInt(list.size()));
            } else {
                list.set(random.nextInt(list.size()), value(random));
            }
            return;
        }
        ObjectNode object = (ObjectNode) container;
        List<String> keys = new ArrayList<>();
        object.fieldNames().forEachRemaining(keys::add);
        if (keys.isEmpty()) {
            object.set("surprise", value(random));
            return;
        }
        String key = keys.get(random.nextInt(keys.size()));
        if (random.nextInt(6) == 0) {
            object.remove(key);
        } else {
            object.set(key, value(random));
        }
    }

    private static JsonNode value(Random random) {
        JsonNodeFactory json = JsonNodeFactory.instance;
        return switch (random.nextInt(16)) {
            case 0 -> json.nullNode();
            case 1 -> json.booleanNode(random.nextBoolean());
            case 2 -> json.numberNode(0);
            case 3 -> json.numberNode(-1);
            case 4 -> json.numberNode(random.nextInt());
            case 5 -> json.numberNode(random.nextLong());
            case 6 -> json.numberNode(Integer.MAX_VALUE);
            case 7 -> json.numberNode(BigInteger.TWO.pow(200));
            case 8 -> json.numberNode(random.nextGaussian());
            case 9 -> json.numberNode(Double.POSITIVE_INFINITY);
            case 10 -> json.numberNode(1e308);
            case 11 -> json.textNode("");
            case 12 -> json.textNode("../../etc\n\u0000");
            case 13 -> json.arrayNode().add(1).add("x");
            case 14 -> json.objectNode().put("k", -3);
            default -> json.numberNode(1 + random.nextInt(20));
        };
    }
}
