package io.cospadi.checkpoint;

import io.cospadi.tensor.CospadiException;
import io.cospadi.tensor.DType;
import java.util.Arrays;
import java.util.Map;

/** The stored tensors of a checkpoint against what config.json's architecture needs; each breach names file and tensor. */
final class RequiredTensors {
    private final Checkpoint checkpoint;
    private final ModelConfig config;

    RequiredTensors(Checkpoint checkpoint) {
        this.checkpoint = checkpoint;
        this.config = checkpoint.config();
    }

    /** All of {@code shapes}, a head wherever one is stored, and no bias that config.json denies. */
    void require(Map<String, long[]> shapes) {
        shapes.forEach(this::requireFloats);
        if (checkpoint.has(ModelConfig.HEAD)) {
            requireFloats(ModelConfig.HEAD, config.vocabSize(), config.hiddenSize());
        }
        for (Projection p : config.projections()) {
            if (!config.hasBias(p.type()) && checkpoint.has(p.biasName())) {
                throw new CospadiException(checkpoint.tensor(p.biasName()).file() + ": tensor " + p.biasName()
                        + " is stored, expected no such bias by " + Checkpoint.CONFIG_FILE + " (model_type "
                        + config.architecture().modelType() + "); correct attention_bias or mlp_bias there");
            }
        }
    }

    /** One tensor, in its shape and of a type that can be computed with. */
    void requireFloats(String name, long... shape) {
        StoredTensor tensor = checkpoint.tensor(name);
        if (!tensor.hasShape(shape)) {
            throw new CospadiException(tensor.file() + ": tensor " + name + " has shape "
                    + Arrays.toString(tensor.shape()) + ", expected " + Arrays.toString(shape)
                    + " by " + Checkpoint.CONFIG_FILE
                    + "; config and weights are of different models: download both again");
        }
        if (tensor.dtype() != DType.F32 && tensor.dtype() != DType.F16 && tensor.dtype() != DType.BF16) {
            throw new CospadiException(tensor.file() + ": tensor " + name + " has dtype " + tensor.dtype()
                    + ", supported are F32, F16 and BF16; use an unquantised model");
        }
    }

    /** Names the layouts that other programs use for several projections in one. */
    void refuseFused() {
        for (StoredTensor tensor : checkpoint.tensors().values()) {
            String name = tensor.name();
            if (name.endsWith(".self_attn.qkv_proj.weight")
                    || name.endsWith(".mlp.gate_up_proj.weight")
                    || name.contains(".mlp.experts.")
                    || name.contains(".block_sparse_moe.")) {
                throw new CospadiException(tensor.file() + ": tensor " + name
                        + " is fused or an expert's, supported are separate q, k, v, o, gate, up and down projections"
                        + " of dense models; convert the model or choose another");
            }
        }
    }
}
