package io.cospadi.cli;

import io.cospadi.compression.NearestName;
import io.cospadi.compression.RecipeException;
import io.cospadi.tensor.CospadiException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.UnmatchedArgumentException;

/** Turns what went wrong into one line and an exit status. */
final class Failures {
    private final Terminal terminal;
    private final boolean verbose;

    Failures(Terminal terminal, boolean verbose) {
        this.terminal = terminal;
        this.verbose = verbose;
    }

    /** Arguments that make no sense. */
    int usage(ParameterException failure) {
        CommandLine command = failure.getCommandLine();
        String message = failure.getMessage();
        List<String> strangers = failure instanceof UnmatchedArgumentException unmatched
                ? unmatched.getUnmatched()
                // what is missing may be there, misspelt
                : failure instanceof MissingParameterException && command.getUnmatchedArguments() != null
                        ? command.getUnmatchedArguments()
                        : List.of();
        if (!strangers.isEmpty()) {
            message = unmatched(command, strangers.get(0));
        } else if (failure instanceof MissingParameterException missing
                && missing.getMissing().stream().anyMatch(ArgSpec::isPositional)) {
            message += swallowed(command);
        }
        terminal.failure(
                decapitalized(message) + " (see " + command.getCommandSpec().qualifiedName() + " --help)");
        return ExitStatus.USAGE;
    }

    private static String unmatched(CommandLine command, String argument) {
        if (argument.startsWith("-") && argument.length() > 1) {
            String name = argument.split("=", 2)[0];
            List<String> names = command.getCommandSpec().options().stream()
                    .filter(option -> !option.hidden())
                    .map(CommandLine.Model.OptionSpec::longestName)
                    .toList();
            return "unknown option " + name + NearestName.hint(name, names);
        }
        if (!command.getSubcommands().isEmpty()) {
            return "unknown command " + argument
                    + NearestName.hint(argument, command.getSubcommands().keySet());
        }
        return "unexpected argument '" + argument + "'";
    }

    /** Which option took what may have been meant for the argument that is missing; empty where none took several. */
    private static String swallowed(CommandLine command) {
        for (CommandLine.Model.OptionSpec option : command.getCommandSpec().options()) {
            List<String> values = option.originalStringValues();
            if (option.arity().max() > 1 && values.size() > 1) {
                return "; if " + values.get(values.size() - 1)
                        + " is the model, put it before the options: it was taken as" + " another "
                        + option.longestName();
            }
        }
        return "";
    }

    /** What a command threw. */
    int execution(Exception failure, CommandLine command, ParseResult arguments) {
        if (failure instanceof RecipeException recipe && recipe.isOfMissingModel()) {
            return execution(RecipeException.usage(recipe.getMessage() + swallowed(command)));
        }
        return execution(failure);
    }

    /** The same for whatever may come. */
    int execution(Throwable failure) {
        if (verbose) {
            failure.printStackTrace(terminal.err());
        }
        if (failure instanceof RecipeException recipe) {
            terminal.failure(recipe.getMessage());
            return recipe.onCommandLine() ? ExitStatus.USAGE : ExitStatus.FAILED;
        }
        if (failure instanceof CospadiException) {
            terminal.failure(failure.getMessage());
        } else if (failure instanceof UncheckedIOException unchecked) {
            terminal.failure(describe(unchecked.getCause()));
        } else if (failure instanceof IOException io) {
            terminal.failure(describe(io));
        } else if (failure instanceof OutOfMemoryError) {
            terminal.failure("out of memory (" + failure.getMessage() + "); the heap is limited to "
                    + (Runtime.getRuntime().maxMemory() >> 20)
                    + " MiB; give it more by COSPADI_JAVA_OPTS=-Xmx.., or the machine more");
        } else {
            terminal.failure("internal error: " + failure
                    + "; please report it, with the stack trace that --verbose adds before this line");
        }
        return ExitStatus.FAILED;
    }

    private static String describe(IOException failure) {
        if (failure instanceof NoSuchFileException missing) {
            return missing.getFile() + " does not exist";
        }
        if (failure instanceof AccessDeniedException denied) {
            return denied.getFile() + " can't be opened: permission denied; change its rights or name another place";
        }
        if (failure instanceof FileSystemException system && system.getReason() != null) {
            return system.getFile() + ": " + system.getReason();
        }
        return failure.getMessage() == null ? failure.toString() : failure.getMessage();
    }

    private static String decapitalized(String text) {
        return text.isEmpty() ? text : text.substring(0, 1).toLowerCase(Locale.ROOT) + text.substring(1);
    }
}
