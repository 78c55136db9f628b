package io.cospadi.calibration;

import java.nio.file.Path;

/**
 * What a calibration may use; nothing here changes its result.
 *
 * @param activationBytes hidden states kept in memory before the others go to a temporary file
 * @param spillFolder     an existing folder for that file
 */
public record CalibrationSettings(long activationBytes, Path spillFolder) {}
