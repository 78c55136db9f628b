package io.cospadi.cli;

import io.cospadi.tensor.CospadiException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code doctor}: what this machine has, whether it computes right, what is missing and how to get it. */
@Command(
        name = "doctor",
        description =
                "Examines Java, CPU, memory, disk, GPU and the libraries; tests each backend; says what is missing.")
final class DoctorCommand implements Callable<Integer> {
    private static final int TOPIC_WIDTH = 18;
    private static final int LINE_WIDTH = 80;

    @Mixin
    private SharedOptions shared;

    private final Terminal terminal;

    DoctorCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public Integer call() {
        List<Finding> findings =
                new Examination(Machine.here(), shared.threads(), shared.gpu, "cuda".equals(shared.backend)).findings();
        List<Finding> problems = findings.stream().filter(Finding::isProblem).toList();
        if (shared.json) {
            Map<String, Object> result = new LinkedHashMap<>();
            result.put("program", BuildInfo.read().toString());
            result.put("healthy", problems.isEmpty());
            result.put("findings", findings);
            terminal.json(result);
        } else {
            terminal.out().println("cospadi " + BuildInfo.read());
            findings.forEach(this::print);
            if (problems.isEmpty()) {
                terminal.out().println("All that is needed is there.");
            }
        }
        if (!problems.isEmpty()) {
            Finding first = problems.get(0);
            throw new CospadiException(first.topic() + ": " + first.found() + "; " + first.advice()
                    + (problems.size() == 1 ? "" : " (and " + (problems.size() - 1) + " more)"));
        }
        return ExitStatus.DONE;
    }

    private void print(Finding finding) {
        String indent = " ".repeat(8 + TOPIC_WIDTH + 1);
        String first = String.format("%-8s%-" + TOPIC_WIDTH + "s ", finding.state(), finding.topic());
        terminal.out().println(TextTable.wrap(first, indent, finding.found(), LINE_WIDTH));
        if (finding.advice() != null) {
            terminal.out().println(TextTable.wrap(indent + "-> ", indent + "   ", finding.advice(), LINE_WIDTH));
        }
    }
}
