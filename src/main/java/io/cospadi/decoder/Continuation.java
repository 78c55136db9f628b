package io.cospadi.decoder;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.backend.Reading;
import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.DType;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.SplittableRandom;

/**
 * The tokens by which a model continues what it has seen, chosen where the logits are. A device that has the embedding runs a token
 * before the host knows it, which is told of one while the next is computed; the model may then have run a token more than were asked
 * for.
 */
final class Continuation implements AutoCloseable {
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
    private int last;

    private record Choice(Reading token, Reading energy) {}

    /**
     * @param logits (1, vocabSize) F32 of the last token seen, overwritten; not needed afterwards
     * @param most   tokens that will be asked for, at most; the cache has room for all but the last
     */
    Continuation(ResidentModel model, Matrix logits, int most, Sampling sampling) {
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
        if (sampling.isGreedy()) {
            backend.argmax(logits, token);
        } else {
            backend.scale(1 / sampling.temperature(), logits);
            backend.logSoftmax(logits);
            if (sampling.topP() < 1) {
                backend.keepNucleus(logits, sampling.topP());
            }
            backend.sample(logits, new double[] {random.nextDouble()}, token);
        }
        ahead.add(new Choice(backend.read(token), backend.read(energy)));
        chosen++;
    }

    /**
     * The next token.
     *
     * @throws CospadiException if the logits that it is chosen by are not finite
     */
    int next() {
        if (model.canFollow()) {
            while (ahead.size() < AHEAD && chosen < most) {
                choose(model.follow(token));
            }
        } else if (ahead.isEmpty()) {
            choose(model.next(last));
        }
        Choice choice = ahead.remove();
        if (!Double.isFinite(choice.energy().value())) {
            throw new CospadiException(
                    "the model's logits are not finite, expected numbers: activations overflowed f32;"
                            + " check the model's weights");
        }
        last = (int) choice.token().value();
        return last;
    }

    @Override
    public void close() {
        token.close();
        energy.close();
    }
}
