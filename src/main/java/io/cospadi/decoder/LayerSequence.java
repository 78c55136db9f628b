package io.cospadi.decoder;

import io.cospadi.tensor.CospadiException;

/**
 * The layers of a pass, one after the other, in memory one at a time; or for a moment two, where weights cross to the device while
 * it still computes with the layer before and it has the room. What is computed is the same either way.
 *
 * <pre>{@code
 * DecoderLayer layer = sequence.enter(i);
 * ... // all work with it is queued
 * sequence.expect(i + 1);
 * sequence.leave();
 * }</pre>
 */
final class LayerSequence implements AutoCloseable {
    private final Decoder decoder;
    private DecoderLayer current;
    private DecoderLayer expected;
    /** Of the layers so far, in bytes. */
    private long largest;

    LayerSequence(Decoder decoder) {
        this.decoder = decoder;
    }

    /**
     * The layer, loaded, owned by this until it is left.
     *
     * @throws IllegalStateException if the last one was not left
     */
    DecoderLayer enter(int index) {
        if (current != null) {
            throw new IllegalStateException("layer " + current.index() + " is not through yet");
        }
        if (expected != null && expected.index() == index) {
            current = expected;
            expected = null;
        } else {
            forget();
            current = decoder.loadLayer(index);
        }
        largest = Math.max(largest, current.bytes());
        return current;
    }

    /** The layer in hand. */
    DecoderLayer current() {
        return current;
    }

    /**
     * Loads what is entered next, if that goes on beside the work that is queued and twice the like of the largest layer so far still fits.
     *
     * @param index one that isn't there: nothing
     */
    void expect(int index) {
        if (index >= 0
                && index < decoder.config().layers()
                && decoder.backend().queuesAhead()
                && decoder.backend().availableBytes() > 2 * largest) {
            try {
                expected = decoder.loadLayer(index);
            } catch (CospadiException e) {
                // whoever enters the layer is told; what the one in hand computes is not lost for it
            }
        }
    }

    /** Frees the layer in hand. */
    void leave() {
        current.close();
        current = null;
    }

    private void forget() {
        if (expected != null) {
            expected.close();
            expected = null;
        }
    }

    @Override
    public void close() {
        forget();
        if (current != null) {
            leave();
        }
    }
}
