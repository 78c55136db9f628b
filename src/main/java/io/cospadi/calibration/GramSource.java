package io.cospadi.calibration;

import com.fasterxml.jackson.annotation.JsonProperty;

/**
 * Data that a Gram was summed over.
 *
 * @param dataSha256   of the windows' token ids, see {@link TokenWindows#sha256}
 * @param windowsAsked windows asked for
 * @param windows      windows there were
 * @param windowLength tokens of each
 */
public record GramSource(
        @JsonProperty("data_sha256") String dataSha256,
        @JsonProperty("windows_asked") int windowsAsked,
        @JsonProperty("windows") int windows,
        @JsonProperty("window_length") int windowLength) {
    public GramSource {
        if (dataSha256 == null || windows < 1 || windowLength < 1) {
            throw new IllegalArgumentException("a source needs data, windows and a length, got " + dataSha256 + ", "
                    + windows + " x " + windowLength);
        }
    }

    static GramSource of(TokenWindows windows) {
        return new GramSource(windows.sha256(), windows.askedFor(), windows.found(), windows.length());
    }
}
