package io.cospadi.backend;

import io.cospadi.gpu.CallTimes;
import java.util.Comparator;
import java.util.List;

/** {@link CallTimes} as {@link DeviceTimes}. */
record CudaTimes(CallTimes times) implements DeviceTimes {
    @Override
    public List<Entry> entries() {
        return times.totals().entrySet().stream()
                .map(e -> new Entry(
                        e.getKey(), e.getValue().milliseconds(), e.getValue().calls()))
                .sorted(Comparator.comparingDouble(Entry::milliseconds).reversed())
                .toList();
    }

    @Override
    public void pause() {
        times.pause();
    }

    @Override
    public void resume() {
        times.resume();
    }
}
