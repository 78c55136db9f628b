package io.cospadi.backend;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.cospadi.tensor.DType;
import java.io.IOException;
import java.io.InputStream;
import java.util.stream.IntStream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;

/** Orthogonal matching pursuit beside scikit-learn's orthogonal_mp_gram; the fixture is made by make_omp_fixtures.py. */
abstract class AbstractPursuitFixturesTest extends AbstractBackendTest {
    @Test
    void supportsAndErrorsEqualThoseOfScikitLearn() throws IOException {
        int cases = 0;
        try (InputStream fixture = getClass().getResourceAsStream("/fixtures/omp/cases.json")) {
            for (JsonNode each : new ObjectMapper().readTree(fixture)) {
                compare(each);
                cases++;
            }
        }
        assertEquals(3, cases);
    }

    private void compare(JsonNode fixture) {
        String name = fixture.get("name").asText();
        int k = fixture.get("k").asInt();
        int s = fixture.get("s").asInt();
        double[] gram = numbers(fixture.get("gram"));
        double[] correlations = numbers(fixture.get("correlations"));
        int rows = correlations.length / k;
        // a choice is safe where its margin is far above the f32 rounding of s updates
        assertTrue(fixture.get("smallestMargin").asDouble() > 100 * s * SINGLE, name + ": margin");
        Matrix codes = output(rows, k, DType.F32);
        backend.orthogonalMatchingPursuit(
                matrix(k, k, DType.F32, gram), matrix(rows, k, DType.F32, correlations), s, codes);
        double[] found = read(codes);
        for (int i = 0; i < rows; i++) {
            int start = i * k;
            int[] support =
                    IntStream.range(0, k).filter(j -> found[start + j] != 0).toArray();
            int[] expected = ints(fixture.get("supports").get(i));
            assertArrayEquals(expected, support, name + ", signal " + i);
            double[] values =
                    IntStream.of(support).mapToDouble(j -> found[start + j]).toArray();
            // refined least squares: rounding of the coefficients, of magnitude 1, and little more
            assertWithin(numbers(fixture.get("coefficients").get(i)), values, 16 * SINGLE, name + ", signal " + i);
            double error = fixture.get("squaredNorms").get(i).asDouble();
            for (int j : support) {
                error -= 2 * found[start + j] * correlations[start + j];
                for (int l : support) {
                    error += found[start + j] * gram[j * k + l] * found[start + l];
                }
            }
            assertEquals(fixture.get("errors").get(i).asDouble(), error, 1e-9, name + ", error of signal " + i);
        }
    }

    private static double[] numbers(JsonNode list) {
        return StreamSupport.stream(list.spliterator(), false)
                .mapToDouble(JsonNode::asDouble)
                .toArray();
    }

    private static int[] ints(JsonNode list) {
        return StreamSupport.stream(list.spliterator(), false)
                .mapToInt(JsonNode::asInt)
                .toArray();
    }
}
