package io.cospadi.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** The program. Knows its commands, and what every one of them has in common. */
@Command(
        name = "cospadi",
        synopsisSubcommandLabel = "COMMAND",
        description =
                "Compresses Llama- and Qwen-family language models by calibration-guided sparse dictionary learning.",
        footer = "%nStatus: 0 done, 1 failed, 2 usage, 75 stopped by a signal with finished work kept.")
public final class Main implements Runnable {
    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            scope = ScopeType.INHERIT,
            description = "Show this help.")
    private boolean help;

    @Option(
            names = {"-V", "--version"},
            versionHelp = true,
            scope = ScopeType.INHERIT,
            description = "Show version and commit.")
    private boolean version;

    @Option(names = "--verbose", scope = ScopeType.INHERIT, description = "Show the stack trace of a failure.")
    private boolean verbose;

    @Spec
    private CommandSpec spec;

    private Main() {}

    /** Runs one command and ends the process with its status. */
    public static void main(String[] arguments) {
        // libraries that would call home, asked not to before they are loaded
        System.setProperty("ai.djl.offline", "true");
        System.setProperty("OPT_OUT_TRACKING", "true");
        ResultOutput results = new ResultOutput(new FileOutputStream(FileDescriptor.out));
        Terminal terminal =
                new Terminal(stream(results), stream(new FileOutputStream(FileDescriptor.err)), terminalColumns());
        StopSignal stop = new StopSignal();
        stop.install(terminal);
        int status = run(terminal, stop, arguments);
        terminal.out().flush();
        if (status == ExitStatus.DONE && results.failure().isPresent()) {
            terminal.failure("standard output can't be written: "
                    + results.failure().get() + "; what was to be shown is lost, free some space or send it elsewhere");
            status = ExitStatus.FAILED;
        }
        terminal.err().flush();
        if (stop.leave()) {
            System.exit(status);
        }
    }

    /** One command from its arguments to its exit status; whatever it says goes to {@code terminal}. */
    static int run(Terminal terminal, StopSignal stop, String... arguments) {
        boolean verbose = Arrays.asList(arguments).contains("--verbose");
        Failures failures = new Failures(terminal, verbose);
        try {
            return commandLine(terminal, stop)
                    .setParameterExceptionHandler((failure, given) -> failures.usage(failure))
                    .setExecutionExceptionHandler(failures::execution)
                    .execute(arguments);
        } catch (Error failure) {
            return failures.execution(failure);
        }
    }

    /** All commands, in the order in which help lists them. */
    static CommandLine commandLine(Terminal terminal, StopSignal stop) {
        CommandLine commandLine = new CommandLine(new Main());
        commandLine.getCommandSpec().version("cospadi " + BuildInfo.read());
        for (Object command : commands(terminal, stop)) {
            commandLine.addSubcommand(command);
        }
        commandLine.addSubcommand(new CommandLine(new BenchCommand())
                .addSubcommand(new BenchCompressCommand(terminal))
                .addSubcommand(new BenchDecodeCommand(terminal))
                .addSubcommand(new BenchGradientsCommand(terminal))
                .addSubcommand(new BenchKernelsCommand(terminal)));
        return commandLine
                .setOut(new PrintWriter(terminal.out(), true))
                .setErr(new PrintWriter(terminal.err(), true))
                .setColorScheme(CommandLine.Help.defaultColorScheme(CommandLine.Help.Ansi.OFF));
    }

    private static List<Object> commands(Terminal terminal, StopSignal stop) {
        return List.of(
                new DemoCommand(terminal, stop),
                new DoctorCommand(terminal),
                new PlanCommand(terminal),
                new CalibrateCommand(terminal, stop),
                new MergeStatsCommand(terminal),
                new BudgetCommand(terminal, stop),
                new CompressCommand(terminal, stop),
                new MergeCommand(terminal, stop),
                new SparkCompressCommand(terminal, stop),
                new EvalCommand(terminal),
                new GenerateCommand(terminal),
                new InspectCommand(terminal),
                new VerifyCommand(terminal),
                new ReportCommand(terminal),
                new CompareCommand(terminal));
    }

    @Override
    public void run() {
        throw new CommandLine.ParameterException(spec.commandLine(), "no command is given");
    }

    private static PrintStream stream(OutputStream to) {
        return new PrintStream(to, true, StandardCharsets.UTF_8);
    }

    /** The launcher says how wide the terminal behind stderr is; without it there is none. */
    private static OptionalInt terminalColumns() {
        Integer columns = Integer.getInteger("cospadi.terminal");
        return columns == null ? OptionalInt.empty() : OptionalInt.of(Math.max(40, columns));
    }
}
