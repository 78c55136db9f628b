package io.cospadi.decoder;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.backend.Recording;
import io.cospadi.tensor.DType;
import java.util.Optional;
import java.util.function.IntConsumer;

/**
 * A model's way with one token, which a backend may record: from the second time on it is replayed as one. A recording knows
 * where everything lies, so it is made anew when the rotary tables have moved; nothing else that a single token uses does.
 */
final class SingleTokenStep implements AutoCloseable {
    private final Decoder decoder;
    private final Matrix state;
    private final Matrix logits;
    private final IntConsumer verbs;
    private Recording recording;
    private int recordedPosition;
    private int recordedGeneration = -1;
    private int lastGeneration = -1;

    /**
     * @param verbs    takes {@link #state} through all layers at a position, and makes {@link #logits} of it
     * @param capacity positions that it will be asked for, from 0
     */
    SingleTokenStep(Decoder decoder, int capacity, int vocabSize, IntConsumer verbs) {
        this.decoder = decoder;
        this.verbs = verbs;
        Backend backend = decoder.backend();
        state = backend.allocate(1, decoder.config().hiddenSize(), DType.F32);
        logits = backend.allocate(1, vocabSize, DType.F32);
        decoder.reachPositions(capacity);
    }

    /** (1, hiddenSize): the token's embedding before, its last state after. */
    Matrix state() {
        return state;
    }

    /** (1, vocabSize). */
    Matrix logits() {
        return logits;
    }

    /** Runs the token in {@link #state}. */
    void run(int position) {
        int generation = decoder.scratchGeneration();
        if (recording != null && recordedGeneration == generation) {
            recording.replay(position - recordedPosition);
            return;
        }
        drop();
        if (generation == lastGeneration && recordedGeneration != generation) {
            Optional<Recording> made = decoder.backend().record(() -> verbs.accept(position));
            recordedGeneration = generation;
            if (made.isPresent()) {
                recording = made.get();
                recordedPosition = position;
                recording.replay(0);
                return;
            }
        }
        verbs.accept(position);
        lastGeneration = decoder.scratchGeneration();
    }

    private void drop() {
        if (recording != null) {
            recording.close();
            recording = null;
        }
    }

    @Override
    public void close() {
        drop();
        state.close();
        logits.close();
    }
}
