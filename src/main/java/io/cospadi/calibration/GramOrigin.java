package io.cospadi.calibration;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import io.cospadi.backend.Backend;
import java.util.List;

/**
 * What the sums of a store are of; kept in it, and compared whenever it is used again.
 *
 * @param model      {@link ModelFingerprint}
 * @param backend    {@link Backend#identity}
 * @param layers     decoder layers
 * @param blocks     blocks of windows in the sum's tree
 * @param firstBlock first block that the store holds; 0 unless it is a shard's
 * @param endBlock   behind the last block that it holds
 * @param sources    the data; more than one where finished stores were merged
 */
@JsonPropertyOrder({"model", "backend", "layers", "blocks", "first_block", "end_block", "sources"})
public record GramOrigin(
        String model,
        String backend,
        int layers,
        int blocks,
        @JsonProperty("first_block") int firstBlock,
        @JsonProperty("end_block") int endBlock,
        List<GramSource> sources) {
    /** Shares that a calibration can be divided into, at most. */
    public static final int MOST_SHARDS = GramTree.BLOCKS;

    public GramOrigin {
        if (model == null || backend == null || layers < 1 || sources == null || sources.isEmpty()) {
            throw new IllegalArgumentException("model, backend, layers and at least one source are needed");
        }
        if (blocks != GramTree.BLOCKS || firstBlock < 0 || firstBlock >= endBlock || endBlock > blocks) {
            throw new IllegalArgumentException("blocks " + firstBlock + " .. " + (endBlock - 1) + " of " + blocks
                    + ", expected some of " + GramTree.BLOCKS);
        }
        sources = List.copyOf(sources);
    }

    /** A whole calibration. */
    public static GramOrigin whole(String modelFingerprint, Backend backend, int layers, TokenWindows windows) {
        return shard(modelFingerprint, backend, layers, windows, 0, 1);
    }

    /**
     * Share {@code index} (from 0) of {@code count} machines; merging all shares gives the same bytes as one machine.
     *
     * @throws IllegalArgumentException if there are more shares than blocks, or no such share
     */
    public static GramOrigin shard(
            String modelFingerprint, Backend backend, int layers, TokenWindows windows, int index, int count) {
        if (count < 1 || count > GramTree.BLOCKS || index < 0 || index >= count) {
            throw new IllegalArgumentException("shard " + index + "/" + count + "; a calibration has 1 to "
                    + GramTree.BLOCKS + " shards, numbered from 0");
        }
        return new GramOrigin(
                modelFingerprint,
                backend.identity(),
                layers,
                GramTree.BLOCKS,
                firstBlock(index, count),
                firstBlock(index + 1, count),
                List.of(GramSource.of(windows)));
    }

    /** First block of a share; that of the one behind the last is behind the last block. */
    static int firstBlock(int index, int count) {
        return GramTree.BLOCKS * index / count;
    }

    /** Whether all blocks are there, not only a shard's. */
    @JsonIgnore
    public boolean isWhole() {
        return firstBlock == 0 && endBlock == blocks;
    }

    /** Tokens that the Grams were summed over. */
    @JsonIgnore
    public long tokens() {
        return sources.stream()
                .mapToLong(source -> source.windowLength()
                        * (long) (GramTree.firstWindow(endBlock, source.windows())
                                - GramTree.firstWindow(firstBlock, source.windows())))
                .sum();
    }

    GramOrigin with(String newBackend, int first, int end, List<GramSource> newSources) {
        return new GramOrigin(model, newBackend, layers, blocks, first, end, newSources);
    }
}
