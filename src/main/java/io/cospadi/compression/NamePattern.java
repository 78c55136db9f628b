package io.cospadi.compression;

import io.cospadi.tensor.CospadiException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.TreeSet;
import java.util.regex.Pattern;

/**
 * A pattern for projection names, such as {@code model.layers.3.mlp.down_proj}. {@code *} stands for any characters, dots
 * included, {@code ?} for one, {@code {a,b}} for either, {@code [0-3]} for one of a set; all else is literal. It matches a
 * name if it matches all of it, or all that follows one of its dots: {@code q_proj}, {@code mlp.*} and
 * {@code layers.{0,29}.*} say what they seem to say.
 *
 * @param text as the user wrote it
 */
public record NamePattern(String text) {
    public NamePattern {
        if (text.isBlank()) {
            throw new CospadiException("a name pattern is empty; name projections, such as '*.q_proj' or 'layers.0.*'");
        }
        compile(text);
    }

    /** Whether the pattern stands for that projection. */
    public boolean matches(String name) {
        Pattern pattern = compile(text);
        for (int from = 0; from >= 0; from = next(name, from)) {
            if (pattern.matcher(name).region(from, name.length()).matches()) {
                return true;
            }
        }
        return false;
    }

    private static int next(String name, int from) {
        int dot = name.indexOf('.', from);
        return dot < 0 ? -1 : dot + 1;
    }

    /**
     * Does nothing if the pattern matches at least one of the names.
     *
     * @param option where the pattern was given, for the message
     * @throws CospadiException naming the nearest thing that does exist
     */
    void requireMatch(String option, Collection<String> names) {
        for (String name : names) {
            if (matches(name)) {
                return;
            }
        }
        TreeSet<String> candidates = new TreeSet<>(names);
        List<String> types = new ArrayList<>();
        for (String name : names) {
            String type = name.substring(name.lastIndexOf('.') + 1);
            if (!types.contains(type)) {
                types.add(type);
            }
        }
        candidates.addAll(types);
        for (String type : types) {
            candidates.add("*." + type);
        }
        throw new CospadiException(option + " '" + text + "' matches no projection of this model (" + names.size()
                + " of them: " + String.join(", ", types) + ")" + NearestName.hint(text, candidates));
    }

    private static Pattern compile(String glob) {
        StringBuilder regex = new StringBuilder();
        boolean alternatives = false;
        for (int i = 0; i < glob.length(); i++) {
            char c = glob.charAt(i);
            switch (c) {
                case '*' -> regex.append(".*");
                case '?' -> regex.append('.');
                case '{' -> {
                    if (alternatives || glob.indexOf('}', i) < 0) {
                        throw new CospadiException("name pattern '" + glob + "': '{' at character " + (i + 1)
                                + (alternatives ? " lies inside another pair" : " is never closed by '}'"));
                    }
                    alternatives = true;
                    regex.append("(?:");
                }
                case '}' -> {
                    regex.append(alternatives ? ")" : "\\}");
                    alternatives = false;
                }
                case ',' -> regex.append(alternatives ? "|" : ",");
                case '[' -> {
                    int end = glob.indexOf(']', i + 2);
                    if (end < 0) {
                        throw new CospadiException(
                                "name pattern '" + glob + "': '[' at character " + (i + 1) + " is never closed by ']'");
                    }
                    regex.append(set(glob.substring(i + 1, end)));
                    i = end;
                }
                default -> regex.append(Pattern.quote(String.valueOf(c)));
            }
        }
        return Pattern.compile(regex.toString());
    }

    /** A set's contents as a character class; a range whose ends stand the wrong way round is taken as it is meant. */
    private static String set(String contents) {
        StringBuilder regex = new StringBuilder("[");
        int i = 0;
        if (contents.charAt(0) == '!' || contents.charAt(0) == '^') {
            regex.append('^');
            i = 1;
        }
        for (; i < contents.length(); i++) {
            char first = contents.charAt(i);
            if (i + 2 < contents.length() && contents.charAt(i + 1) == '-') {
                char last = contents.charAt(i + 2);
                regex.append('\\').append('x').append(hex((char) Math.min(first, last)));
                regex.append("-\\x").append(hex((char) Math.max(first, last)));
                i += 2;
            } else {
                regex.append("\\x").append(hex(first));
            }
        }
        return regex.append(']').toString();
    }

    private static String hex(char c) {
        return "{" + Integer.toHexString(c) + "}";
    }
}
