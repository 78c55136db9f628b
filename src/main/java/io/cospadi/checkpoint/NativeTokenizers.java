package io.cospadi.checkpoint;

import ai.djl.huggingface.tokenizers.jni.LibUtils;
import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import io.cospadi.tensor.CospadiException;

/** Loads the tokenizers library that ships inside DJL's jar, once. */
final class NativeTokenizers {
    private NativeTokenizers() {}

    static TokenizersLibrary library() {
        return Loaded.LIBRARY;
    }

    private static final class Loaded {
        static final TokenizersLibrary LIBRARY = load();

        private static TokenizersLibrary load() {
            // DJL fetches a CUDA build of the library from the network when it sees a GPU, unless told to stay offline;
            // tokenizing needs no GPU, and nothing here may reach out
            System.setProperty("ai.djl.offline", "true");
            try {
                LibUtils.checkStatus(); // loads the library, which TokenizersLibrary by itself doesn't
                return TokenizersLibrary.LIB;
            } catch (LinkageError | RuntimeException e) {
                throw new CospadiException(
                        "the tokenizers library can't be loaded (" + StrictJson.oneLine(String.valueOf(e.getMessage()))
                                + "); it unpacks into the folder .djl.ai of the home folder, or into DJL_CACHE_DIR:"
                                + " make one of them writable",
                        e);
            }
        }
    }
}
