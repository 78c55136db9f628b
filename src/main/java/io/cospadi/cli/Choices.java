package io.cospadi.cli;

import io.cospadi.calibration.LabelSource;
import io.cospadi.calibration.OutputCovariance;
import io.cospadi.compression.BudgetChoice;
import io.cospadi.compression.NamePattern;
import io.cospadi.compression.NearestName;
import io.cospadi.compression.Objective;
import io.cospadi.compression.Propagation;
import io.cospadi.compression.Sampling;
import io.cospadi.factorization.Method;
import io.cospadi.factorization.Pursuit;
import io.cospadi.factorization.ShareObjective;
import io.cospadi.factorization.Solver;
import io.cospadi.tensor.MaskGroups;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Options with a closed set of values, known by the names users type. */
final class Choices {
    private Choices() {}

    private static String check(String text, List<String> names) {
        if (!names.contains(text)) {
            throw new TypeConversionException(
                    "'" + text + "' is none of " + String.join(", ", names) + NearestName.hint(text, names));
        }
        return text;
    }

    private static <T> List<String> names(T[] values, Function<T, String> option) {
        return Arrays.stream(values).map(option).toList();
    }

    static final class BackendName implements ITypeConverter<String> {
        @Override
        public String convert(String text) {
            return check(text, List.of("auto", "cpu", "cuda"));
        }
    }

    static final class MethodName implements ITypeConverter<String> {
        @Override
        public String convert(String text) {
            return check(text, names(Method.values(), Method::option));
        }
    }

    static final class SolverName implements ITypeConverter<String> {
        @Override
        public String convert(String text) {
            return check(text, names(Solver.values(), Solver::option));
        }
    }

    static final class PursuitName implements ITypeConverter<String> {
        @Override
        public String convert(String text) {
            return check(text, names(Pursuit.values(), Pursuit::option));
        }
    }

    static final class BudgetName implements ITypeConverter<String> {
        @Override
        public String convert(String text) {
            return check(text, names(BudgetChoice.values(), BudgetChoice::option));
        }
    }

    static final class ObjectiveName implements ITypeConverter<String> {
        @Override
        public String convert(String text) {
            return check(text, names(Objective.values(), Objective::option));
        }
    }

    static final class PropagationName implements ITypeConverter<String> {
        @Override
        public String convert(String text) {
            return check(text, names(Propagation.values(), Propagation::option));
        }
    }

    static final class ShareObjectiveName implements ITypeConverter<String> {
        @Override
        public String convert(String text) {
            return check(text, names(ShareObjective.values(), ShareObjective::option));
        }
    }

    static final class SamplingName implements ITypeConverter<String> {
        @Override
        public String convert(String text) {
            return check(text, names(Sampling.values(), Sampling::option));
        }
    }

    static final class CovarianceName implements ITypeConverter<OutputCovariance> {
        @Override
        public OutputCovariance convert(String text) {
            check(text, names(OutputCovariance.values(), OutputCovariance::option));
            return OutputCovariance.valueOf(text.toUpperCase(Locale.ROOT));
        }
    }

    static final class LabelName implements ITypeConverter<LabelSource> {
        @Override
        public LabelSource convert(String text) {
            check(text, names(LabelSource.values(), LabelSource::option));
            return LabelSource.valueOf(text.toUpperCase(Locale.ROOT));
        }
    }

    static final class ProjectionPattern implements ITypeConverter<NamePattern> {
        @Override
        public NamePattern convert(String text) {
            return new NamePattern(text);
        }
    }

    static final class ShapeName implements ITypeConverter<String> {
        @Override
        public String convert(String text) {
            return check(text, BenchShape.NAMES);
        }
    }

    static final class GroupsName implements ITypeConverter<MaskGroups> {
        @Override
        public MaskGroups convert(String text) {
            return MaskGroups.of(check(text, names(MaskGroups.values(), MaskGroups::option)))
                    .orElseThrow();
        }
    }
}
