package io.cospadi.decoder;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.backend.Reading;
import io.cospadi.tensor.DType;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.SplittableRandom;

/**
 * Tokens chosen by a device, the most likely, the lowest on ties, or drawn by their probabilities, and run there before the host knows
 * them: it is told of one while the next is computed. The model may have run a token more than were asked for.
 */
final class QueuedTokens implements Continuation {
    /** Tokens chosen or being chosen that nobody has asked for: one to wait for, one that the device is at meanwhile. */
    private static final int AHEAD = 2;

    private final ResidentModel model;
    private final Backend backend;
    private final int most;
    private final Sampling sampling;
    private final SplittableRandom random;
    private final Deque<Choice> ahead = new ArrayDeque<>();
    private final Matrix token;
    /** Sum of squares of the logits, to see whether they are finite: a choice among NaN is one like any other. */
    private final Matrix energy;

    private int chosen;

    private record Choice(Reading token, Reading energy) {}

    QueuedTokens(ResidentModel model, Matrix logits, int most, Sampling sampling) {
        this.model = model;
        this.most = most;
        this.sampling = sampling;
        random = new SplittableRandom(sampling.seed());
        backend = model.backend();
        token = backend.allocate(1, 1, DType.F64);
        energy = backend.allocate(1, 1, DType.F64);
        choose(logits);
    }

    private void choose(Matrix logits) {
        backend.dot(logits, logits, energy);
        if (sampling.temperature() == 0) {
            backend.argmax(logits, token);
        } else {
            backend.scale(1 / sampling.temperature(), logits);
            backend.logSoftmax(logits);
            backend.sample(logits, new double[] {random.nextDouble()}, token);
        }
        ahead.add(new Choice(backend.read(token), backend.read(energy)));
        chosen++;
    }

    @Override
    public int next() {
        while (ahead.size() < AHEAD && chosen < most) {
            choose(model.follow(token));
        }
        Choice choice = ahead.remove();
        if (!Double.isFinite(choice.energy().value())) {
            throw Continuation.notFinite();
        }
        return (int) choice.token().value();
    }

    @Override
    public void close() {
        token.close();
        energy.close();
    }
}
