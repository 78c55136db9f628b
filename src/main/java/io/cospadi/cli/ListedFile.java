package io.cospadi.cli;

import java.nio.file.Path;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * A file of an option that takes several. Such an option takes every argument up to the next option that is known, so a mistyped
 * one arrives here; refused behind a file, it is an unknown option to the parser.
 */
final class ListedFile implements ITypeConverter<Path> {
    @Override
    public Path convert(String text) {
        if (text.startsWith("--")) {
            throw new TypeConversionException(
                    "'" + text + "' is no option of this command; a file of that name is given as ./" + text);
        }
        return Path.of(text);
    }
}
