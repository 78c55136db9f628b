package io.cospadi.decoder;

import io.cospadi.backend.Backend;
import io.cospadi.backend.Matrix;
import io.cospadi.backend.Recording;
import io.cospadi.tensor.DType;
import io.cospadi.tensor.DeviceMemoryException;
import java.util.function.IntConsumer;

/**
 * A model's way with one token, which a backend may record: from the second time on it is replayed as one. A recording knows where
 * everything lies, and nothing that a single token uses moves: a {@link Workspace}'s single row, and rotary tables that reach all
 * positions from the start.
 */
final class SingleTokenStep implements AutoCloseable {
    private final Decoder decoder;
    private final Matrix state;
    private final Matrix logits;
    private final IntConsumer verbs;
    /** Whether the verbs have run as they are, which loads what they need. */
    private boolean ran;

    private Recording recording;
    private int recordedPosition;
    /** Whether a recording was tried and had no room. */
    private boolean roomIsShort;

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
        if (recording == null && ran && !roomIsShort) {
            record(position);
        }
        if (recording != null) {
            recording.replay(position - recordedPosition);
            return;
        }
        verbs.accept(position);
        ran = true;
    }

    private void record(int position) {
        try {
            decoder.backend().record(() -> verbs.accept(position)).ifPresent(made -> {
                recording = made;
                recordedPosition = position;
            });
        } catch (DeviceMemoryException e) {
            // a recording has memory of its own; without one steps take a little longer
            roomIsShort = true;
        }
    }

    @Override
    public void close() {
        if (recording != null) {
            recording.close();
        }
        state.close();
        logits.close();
    }
}
