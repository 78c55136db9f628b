package io.cospadi.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** The small trained Llama that ships inside of the program, with the text to calibrate and to evaluate it on. */
final class DemoModel {
    /** What the model goes by. */
    static final String NAME = "demo-llama-2m";

    /** Resource folder. */
    static final String PLACE = "/io/cospadi/demo";

    private static final List<String> FILES = List.of(
            "config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json");
    private static final String CALIBRATION = "calibration.txt";
    private static final String HELD_OUT = "heldout.txt";

    private final Path folder;

    private DemoModel(Path folder) {
        this.folder = folder;
    }

    /** Puts model and texts below {@code folder}, over those of an earlier run. */
    static DemoModel extract(Path folder) throws IOException {
        DemoModel model = new DemoModel(folder);
        Files.createDirectories(model.dense());
        for (String file : FILES) {
            Resource.copy(PLACE + "/" + file, model.dense().resolve(file));
        }
        Resource.copy(PLACE + "/" + CALIBRATION, model.calibrationText());
        Resource.copy(PLACE + "/" + HELD_OUT, model.heldOutText());
        return model;
    }

    /** Hugging Face folder of the dense model. */
    Path dense() {
        return folder.resolve(NAME);
    }

    Path calibrationText() {
        return folder.resolve(CALIBRATION);
    }

    /** Text that neither training nor calibration has seen. */
    Path heldOutText() {
        return folder.resolve(HELD_OUT);
    }
}
