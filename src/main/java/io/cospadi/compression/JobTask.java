package io.cospadi.compression;

import java.io.Serializable;

/**
 * An independent piece of a job, small enough to be sent: large things are read from files and written to files. It is carried
 * out by a {@link TaskWorker} of any process that sees the same files; twice, or twice at the same time, leaves the same bytes.
 *
 * @param kind  what is done
 * @param index of what it is done to, see {@link Kind}
 * @param name  of that, for people
 * @param flops counted operations, by which tasks of one stage are ordered; 0 where they are all alike
 */
public record JobTask(Kind kind, int index, String name, double flops) implements Serializable {
    /** The stages of a job, in their order. */
    public enum Kind {
        /** Grams of a share of the windows. */
        CALIBRATE("calibrating"),
        /** Gradients of a share of the windows. */
        GRADIENTS("taking gradients"),
        /** One layer of all shares is added up. */
        MERGE("adding up"),
        /** What a projection or group loses at some sizes, for the budget. */
        WEIGH("weighing"),
        /** The part files of a projection or group. */
        FACTORIZE("factorising");

        private final String doing;

        Kind(String doing) {
            this.doing = doing;
        }

        /** For messages, before the task's name. */
        public String doing() {
            return doing;
        }
    }

    /** "factorising model.layers.3.mlp.up_proj". */
    @Override
    public String toString() {
        return kind.doing() + " " + name;
    }
}
