#!/usr/bin/env python3
"""Breaks the CUDA kernels in one plausible way after the other, and says whether their tests notice.

    ./mvnw -q test-compile && src/test/python/mutate_kernels.py [FILE...]

FILE, such as packed_gemv.cu, leaves the others out.
A mutation is a kernel file, a text that stands in it exactly once, its replacement, and the test class that has to fail when
it runs on the mutated copy in emulation. Status 1 if a test passes. It needs g++ and takes some minutes.

Not listed because no run on the host can show it: scratch of omp that two blocks share, since blocks run one after the other;
columns of code_sweep that two threads share, since between barriers threads do so too; atoms of packed_mma and rows of
triangular read past the last, which meet zeros.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[3]

HISTOGRAM = "for (int j = threadIdx.x; j < k; j += blockDim.x) {\n            unsigned int m = magnitudes[j];"
SELECT = [
    ("last column not counted", HISTOGRAM, HISTOGRAM.replace("j < k;", "j < k - 1;")),
    ("no barrier before counting", "__syncthreads();\n        " + HISTOGRAM, HISTOGRAM),
    ("bins read before all are counted", "__syncthreads();\n        if (threadIdx.x < 32)", "if (threadIdx.x < 32)"),
    ("bin read before it is found", "        __syncthreads();\n        prefix |=", "        prefix |="),
    ("equals read before they are counted", "__popc(votes);\n        __syncthreads();", "__popc(votes);"),
    ("equals counted again too early", "row[j] = 0;\n        __syncthreads();", "row[j] = 0;"),
    ("one equal too many", "rank >= kept", "rank > kept"),
    ("ties to the higher column", "__popc(votes & ((1u << lane) - 1))", "__popc(votes >> lane >> 1)"),
    ("own warp counted twice", "w < warp", "w <= warp"),
    ("equals of earlier columns forgotten", "before += shared->equals[w];", ""),
    ("bin's count not taken off", "wanted -= shared->digit.above;", ""),
    ("signs not removed", "& 0x7fffffffu", "& 0xffffffffu"),
    ("step along negative curvature", "squared > 0 && curved > 0", "squared > 0"),
    ("curvature of the gradient with itself", "curved += g * curvature[j]", "curved += g * g"),
    ("magnitudes before the step", "= magnitude(moved)", "= magnitude(codes[at + j] - step * residual[at + j])"),
    ("group's ties to the higher column", "(lane ^ by) < lane", "(lane ^ by) > lane"),
    ("neighbour next to the group missed", "by < group", "by < group - 1"),
    ("one of a group too many", "rank < kept;", "rank <= kept;"),
    ("end of the row as large as zeros", "(int) magnitude(row[j]) : -1", "(int) magnitude(row[j]) : 0x7fffffff"),
    ("group's step taken twice", "codes[at + j] + step * residual[at + j] : 0", "codes[at + j] + 2 * step * residual[at + j] : 0"),
]
RADIX = [
    ("bins counted from the lowest", "BINS - 8 * (threadIdx.x + 1)", "8 * threadIdx.x"),
    ("bin passed when it is reached", "above + digit->histogram[first + b] < wanted", "above + digit->histogram[first + b] <= wanted"),
    ("lanes before forgotten", "if (threadIdx.x >= by) through += before;", "through += 0 * before;"),
    ("lane 1 adds nothing", "threadIdx.x >= by", "threadIdx.x > by"),
    ("bins above in the lane forgotten", "above += digit->histogram[first + b--]", "b--"),
]
REDUCE = [
    ("block's partial results read too early", "partial[warp] = value;\n    __syncthreads();", "partial[warp] = value;"),
    ("block's partial results reused too early", "partial[i]);\n    __syncthreads();", "partial[i]);"),
    ("tree without its first level", "by = WIDTH / 2", "by = WIDTH / 4"),
    ("last warp left out", "i < warps", "i < warps - 1"),
]
PACKED = [
    ("no barrier after the token", "    __syncthreads();\n\n    constexpr bool", "\n    constexpr bool"),
    ("table not prepared", "    reader.prepare(thread);\n", ""),
    ("first half a unit longer", "left - i == behind", "left - i == behind - 1"),
    ("halves in one sum", "if (TWO_HALVES && left - i == behind)", "if (false && left - i == behind)"),
    ("first half counted twice", "sums[0] = sums[1] = 0;", ""),
    ("halves' warps added up one by one", "WARPS > PARTS ? partial[2 * p]", "WARPS > PARTS ? partial[2 * p + 1]"),
    ("no barrier before the warps are added up", "    __syncthreads();\n    if (row < 0)", "    if (row < 0)"),
    ("zeros behind the token left out", "i < reach; i += threads", "i < k; i += threads"),
    ("unaligned tokens read in quads", "reinterpret_cast<size_t>(z) % 16 == 0 ? k / 4 : 0", "k / 4"),
    ("last atoms of the token left out", "4 * quads + thread", "4 * quads + 4 + thread"),
    ("starts counted in bytes", "+ 4 * start", "+ start"),
    ("another tile's starts", "product.starts, tile, part", "product.starts, 0, part"),
    ("last unit of a part left out", "if (left > i) {", "if (left > i + 1) {"),
    ("first units worked again", "if (left > LOADS + i) unit[i] = __ldcs(next + i * TILE_ROWS);", ""),
    ("loads ahead all of one unit", "if (left > i) unit[i] = __ldcs(next + i * TILE_ROWS)", "if (left > i) unit[i] = __ldcs(next)"),
    ("last load ahead left out", "left > LOADS + i", "left > LOADS + i + 1"),
    ("loads ahead of the last part's end", "next += LOADS * TILE_ROWS", "next += TILE_ROWS"),
    ("last warp left out", "p < PARTS", "p < PARTS - 1"),
    ("rows past the last written", "part > 0 || row >= product.rows", "part > 0"),
    ("every warp writes", "part > 0 || row >= product.rows", "row >= product.rows"),
    ("every token is the first", "product.z + (long long) blockIdx.y * product.k", "product.z"),
    ("every token written as the first", "product.y + (long long) blockIdx.y * product.rows + row", "product.y + row"),
    ("always added", "add && row >= 0", "row >= 0"),
    ("never added", "add && row >= 0", "false"),
    ("every block the first product's", "if (number == p) product", "if (false) product"),
    ("blocks behind the last tile at work", "    if (tile * TILE_ROWS >= product.rows) return;\n", ""),
    ("last tile left out", "tile * TILE_ROWS >= product.rows", "(tile + 1) * TILE_ROWS > product.rows"),
    ("token read before the launch before has ended",
     "    wait_for_launch_before();\n    product = own(products);\n    stage(token, product.z + (long long) blockIdx.y * product.k, product.k, product.reach, thread, 32 * WARPS);",
     "    product = own(products);\n    stage(token, product.z + (long long) blockIdx.y * product.k, product.k, product.reach, thread, 32 * WARPS);\n    wait_for_launch_before();"),
    ("never waits for the launch before", "    wait_for_launch_before();\n", ""),
]
SLOTS = [
    ("groups begin a unit late", "? 16 * first_unit(part, units, parts)", "? 16 * (first_unit(part, units, parts) + 1)"),
    ("starts of half as many parts", "starts[(tile * PARTS + part)", "starts[(tile * (PARTS / 2) + part)"),
    ("first slot's place is the second's", "(word & 0xc000u) >> 12", "(word & 0x30000u) >> 14"),
    ("place left in the value", "word & 0xfffc0000u", "word & 0xffff0000u"),
    ("slots stand still", "        at += 32;\n", ""),
    ("second slot of a word on the first's atom", "take(at, 4 * slot + 4, high_value(word), 1)", "take(at, 4 * slot, high_value(word), 1)"),
    ("wide gaps of 15 bits", "word & 0xffffu", "word & 0x7fffu"),
    ("groups of 4 all first", "two(words.w, 12, at, take)", "two(words.w, 8, at, take)"),
    ("full low byte shifted out", "if (low != 0xff) ", ""),
    ("upper byte's positions lack 8", "+ 0x88888888u", ""),
    ("positions of the low byte overwritten", "<< 4 * __popc(low)", "<< 2 * __popc(low)"),
    ("fourth nibble of the mask lost", "words.w >> 2 & 0xf000", "words.w >> 2 & 0x7000"),
]
PACKED_TOKENS = [
    ("no barrier after the tokens", "    __syncthreads();\n\n    unsigned int base", "\n    unsigned int base"),
    ("no barrier before the warps are added up", "        __syncthreads();\n        // a warp a token", "        // a warp a token"),
    ("no barrier before the next tile", "            *to = sum;\n        }\n        __syncthreads();", "            *to = sum;\n        }"),
    ("table not prepared", "    reader.prepare(part * 32 + lane);\n", ""),
    ("zeros behind the tokens left out", "i < reach; i += 32 * PARTS", "i < k; i += 32 * PARTS"),
    ("last token read as zeros", "i < k && t < count ?", "i < k && t < count - 1 ?"),
    ("every reading of the first tokens", "z + token * (long long) k", "z"),
    ("every reading written as the first", "y + (token + part)", "y + part"),
    ("planes overlap", "plane * (long long) reach + i", "plane * (long long) (reach - 1) + i"),
    ("every plane is the first", "atom + p * plane", "atom + 0 * p * plane"),
    ("starts counted in bytes", "unsigned int at = 4 *", "unsigned int at ="),
    ("another tile's starts", "first_atom(starts, tile,", "first_atom(starts, 0,"),
    ("a tile left out", "tile += gridDim.x", "tile += 2 * gridDim.x"),
    ("last unit of a part left out", "if (left > i) {", "if (left > i + 1) {"),
    ("last load ahead left out", "left > AHEAD + i", "left > AHEAD + i + 1"),
    ("halves in one sum", "if (left - i == behind) flush(true);", ""),
    ("halves of other parts", "second_half(part, units)", "second_half(part + 1, units)"),
    ("first half forgotten", "flush(behind == 0);", "flush(true);"),
    ("last warp left out", "p < PARTS; p++) sum", "p < PARTS - 1; p++) sum"),
    ("rows past the last written", " && row < rows", ""),
    ("tokens past the last written", " && token + part < tokens", ""),
    ("never added", "add ? *to : 0", "0"),
]
PACKED_MMA = [
    ("tile not cleared", "reinterpret_cast<unsigned int*>(tile)[i] = 0;", ";"),
    ("cleared too late", "    reader.prepare(threadIdx.x);\n    __syncthreads();", "    reader.prepare(threadIdx.x);"),
    ("table not prepared", "    reader.prepare(threadIdx.x);\n", ""),
    ("multiplied too early", "reader.unit(taken, at, take);\n    }\n    __syncthreads();", "reader.unit(taken, at, take);\n    }"),
    ("every block the first half of a tile", "blockIdx.x % (TILE_ROWS / MMA_ROWS) * MMA_ROWS + row", "row"),
    ("another tile's starts", "first_atom(starts, tileOfRows,", "first_atom(starts, 0,"),
    ("last unit of a part left out", "left > 0; left--", "left > 1; left--"),
    ("z's lowest bits left out", "part = TERMS - 1; part", "part = TERMS - 2; part"),
    ("z of the first half of a step twice", "atom + 8 * half", "atom"),
    ("rows of a fragment exchanged", "{upper[0], lower[0], upper[4], lower[4]}", "{upper[0], upper[4], lower[0], lower[4]}"),
    ("a step too few", "from < k; from +=", "from < k - 1; from +="),
    ("every tile of tokens the first", "int token = MMA_COLS * n + group", "int token = group"),
    ("sums of rows and tokens exchanged", "pair + i % 2) * MMA_ROWS + group + i / 2 * 8", "pair + i / 2) * MMA_ROWS + group + i % 2 * 8"),
    ("warps not in turn", "        __syncthreads();\n        if (warp == w)", "        if (warp == w)"),
    ("last warp left out", "w < WARPS; w++", "w < WARPS - 1; w++"),
    ("written before the last warp's turn", "    __syncthreads();\n    for (int i = threadIdx.x; i < tokens", "    for (int i = threadIdx.x; i < tokens"),
    ("rows past the last written", "if (row < rows) {", "{"),
    ("never added", "add ? *to + total[i] : total[i]", "total[i]"),
    ("always added", "add ? *to + total[i] : total[i]", "*to + total[i]"),
]
TERMS = [
    ("two of a word exchanged", "low >> 16 | high", "low | high >> 16"),
    ("second's rest is its whole", "second -= __uint_as_float(high)", "second -= 0"),
]
UNPACK = [
    ("rows not cleared", "reinterpret_cast<uint4*>(tile)[i] = uint4{};", ";"),
    ("last quad not cleared", "i < quads;", "i < quads - 1;"),
    ("lower half of the value taken", "__float_as_uint(value) >> 16", "__float_as_uint(value)"),
    ("cleared too late", "    __syncthreads();\n    if (above", "    if (above"),
    ("slots that fill up written", "if (__float_as_uint(value) != 0) ", ""),
    ("a row too many", "if (above + lane >= rows) return;", ""),
    ("rows past the last cleared", "min(rows - above, TILE_ROWS) * (long long) pitch", "TILE_ROWS * (long long) pitch"),
    ("part begins at the last one's start", "first_atom(starts, blockIdx.x, part,", "first_atom(starts, blockIdx.x, PARTS - 1,"),
]
DENSE_GEMV = [
    ("halves of a word swapped", "two << 16) * low", "two << 16) * high"),
    ("first half takes the second's bits", "two & 0xffff0000u", "two"),
    ("rows of the next block too", "(block + 1) * (long long) product.rows / product.blocks - first", "(block + 1) * (long long) product.rows / product.blocks + 1 - first"),
    ("rows left over forgotten", "(block + 1) * (long long) product.rows / product.blocks - first", "product.rows / product.blocks"),
    ("batch loaded again", "load(row + ROWS);", "load(row);"),
    ("every token is the first", "x + blockIdx.x * 2LL * units", "x"),
    ("every token written as the first", "product.y + blockIdx.x * (long long) product.rows + first", "product.y + first"),
    ("no barrier before the warps are added up", "    __syncthreads();\n    float* to", "    float* to"),
    ("last warp left out", "w < warps; w++", "w < warps - 1; w++"),
    ("beta ignored", "alpha * sum + beta * to[row]", "alpha * sum + to[row]"),
    ("old result read where beta is 0", "beta == 0 ? alpha * sum : ", ""),
    ("every block the first product's", "            product = products.of[p];\n", ""),
    ("blocks counted from the first product's", "            block -= product.blocks;\n", ""),
    ("first product's last block as the second's", "block >= product.blocks", "block >= product.blocks - 1"),
    ("third product never begun", "p < MOST_PRODUCTS; p++", "p < MOST_PRODUCTS - 1; p++"),
    ("token read before the launch before has ended", "    wait_for_launch_before();\n", ""),
]
RMS_NORM = [
    ("unbiased mean", "squares / group", "squares / (group - 1)"),
    ("eps outside the root", "sqrt(squares / group + eps)", "(sqrt(squares / group) + eps)"),
    ("weight by position in x", "* weight[i]", "* weight[0]"),
    ("tail beyond the block left out of the sum", "i += blockDim.x) {", "i += group) {"),
    ("never waits for the launch before", "    wait_for_launch_before();\n", ""),
]
ROTARY = [
    ("turned back", "a * c - b * s", "a * c + b * s"),
    ("first position ignored", "(start + head / heads)", "(0 * start + head / heads)"),
    ("a position a head", "head / heads", "head"),
    ("neighbours as pairs", "float b = x[half]", "float b = x[1]"),
    ("uses the turned left half", "out[half] = b * c + a * s", "out[half] = b * c + out[0] * s"),
    ("pairs beyond the grid left out", "i += gridDim.x * (long long) blockDim.x) {\n        long long head = i / half;\n        int j = (int) (i - head * half);\n        float* pair",
     "i += pairs) {\n        long long head = i / half;\n        int j = (int) (i - head * half);\n        float* pair"),
    ("appended pairs beyond the grid left out", "i += gridDim.x * (long long) blockDim.x) {\n        long long head = i / half;\n        int j = (int) (i - head * half);\n        long long token",
     "i += pairs) {\n        long long head = i / half;\n        int j = (int) (i - head * half);\n        long long token"),
    ("direction ignored", "direction * sin[angle]", "sin[angle]"),
    ("offset ignored", "offset ? first + *offset : first", "first"),
    ("tokens appended at one position", "((start + token) * kvHeads + own)", "(start * kvHeads + own)"),
    ("tokens turned by one angle", "long long angle = (start + token) * half + j", "long long angle = start * half + j"),
    ("first key as a query", "number < heads)", "number <= heads)"),
    ("last key as a value", "number >= heads + kvHeads;", "number >= heads + kvHeads - 1;"),
    ("values counted from the first key", "- (value ? kvHeads : 0)", ""),
    ("values' second half left out", "            valueCache[to + half] = values[from + half];\n", ""),
    ("position read before the launch before has ended", "    wait_for_launch_before();\n    int start = moved(first, positionOffset);\n    int all",
     "    int start = moved(first, positionOffset);\n    wait_for_launch_before();\n    int all"),
    ("values turned", "        if (value) {\n            valueCache[to] = values[from];\n            valueCache[to + half] = values[from + half];",
     "        if (value) {\n            turn(values + from, valueCache + to, cos, sin, angle, half, 1);"),
]
TILES = [
    ("last element of a row's tail left out", "d + 2 < cols ? row[d + 2]", "d + 3 < cols ? row[d + 2]"),
    ("tail not cleared", "d + 3 < cols ? row[d + 3] : 0", "row[d + 3 < cols ? d + 3 : d]"),
    ("rows beyond the matrix taken", "r < rows ? quad", "r <= rows ? quad"),
    ("columns beyond 64 not loaded", "d < cols; d += 64", "d < cols && d < 64; d += 64"),
    ("factor left out", "make_float4(factor * q.x", "make_float4(q.x"),
    ("last quad not multiplied", "for (int d = 0; d < cols; d += 4)", "for (int d = 0; d < cols - 4; d += 4)"),
    ("last weights not multiplied", "j < 16 * R; j += 4", "j < 16 * R - 4; j += 4"),
    ("second group of columns as the first", "int column = 64 * g + lane", "int column = lane"),
    ("a row too many", "if (row < rows)", "if (row <= rows)"),
    ("a column too many", "if (column < cols) to[", "if (column <= cols) to["),
    ("result not scaled", "factors[r] * sums[r][i]", "sums[r][i]"),
]
ATTENTION = [
    ("sees the next key", "if (j > at || at", "if (j > at + 1 || at"),
    ("window a key too wide", "at - j >= window", "at - j > window"),
    ("starts a key too late", "max(0, position - window + 1)", "max(0, position - window + 2)"),
    ("earlier sums not scaled down", "sums[r][i] *= decay", "sums[r][i] *= 1"),
    ("earlier total not scaled down", "total[r] *= decay;", ""),
    ("maximum of the tile only", "float most = highest[r];", "float most = minus_infinity();"),
    ("lane's own total", "float all = warp_reduce<Sum, 16>(total[r])", "float all = total[r]"),
    ("every head with the first key head", "(head / (heads / kvHeads)) * headDim", "0 * headDim"),
    ("logarithm of the sum without the maximum", "highest[r] + logf(all)", "logf(all)"),
    ("keys loaded while values are in use", "        __syncthreads();\n        load_tile<R>(tile, keys",
     "        load_tile<R>(tile, keys"),
    ("values loaded while keys are in use", "        __syncthreads();\n        load_tile<R>(tile, values",
     "        load_tile<R>(tile, values"),
    ("values read before they are loaded", "        __syncthreads();\n        multiply_add", "        multiply_add"),
    ("keys read before they are loaded", "        __syncthreads();\n        float scores[R][R];", "        float scores[R][R];"),
]
DECODE = [
    ("never waits for the launch before", "    wait_for_launch_before();\n    int group", "    int group"),
    ("combines before the launch before has ended", "    wait_for_launch_before();\n    int lane", "    int lane"),
    ("sees the next key", "min(CHUNK * (chunk + 1), position + 1)", "min(CHUNK * (chunk + 1), position + 2)"),
    ("window a key too wide", "int from = max(CHUNK * chunk, position - window + 1)",
     "int from = max(CHUNK * chunk, position - window)"),
    ("offset ignored", "offset ? position + *offset : position", "position"),
    ("every query at the first's position", "moved(first, positionOffset) + number", "moved(first, positionOffset)"),
    ("heads of a second batch as the first", "key_head * group + batch * HEADS;", "key_head * group;"),
    ("heads beyond the group written", "min(HEADS, group - batch * HEADS)", "HEADS"),
    ("queries read before they are loaded", "    }\n    __syncthreads();\n\n    // eight", "    }\n\n    // eight"),
    ("scores read before all are there", "    }\n    __syncthreads();\n\n    // a warp a head\n    float most",
     "    }\n\n    // a warp a head\n    float most"),
    ("weights read before all are there", "    __syncthreads();\n\n    // a thread a quad", "\n    // a thread a quad"),
    ("partial sums read too early", "= own[h];\n    __syncthreads();", "= own[h];"),
    ("one set of keys left out", "s < beside; s++", "s < beside - 1; s++"),
    ("chunks weigh alike", "sum += expf(highest[at + c] - most) * sums", "sum += sums"),
    ("first chunk of a window from the start", "int from = max(0, position - window + 1) / CHUNK", "int from = 0"),
    ("last chunk left out", "int to = position / CHUNK + 1", "int to = max(1, position / CHUNK)"),
    ("last warp's chunks left out", "w < 8; w++", "w < 7; w++"),
    ("chunks' sums read too early", "= sum;\n    __syncthreads();\n    if (warp == 0", "= sum;\n    if (warp == 0"),
    ("columns beyond 32 as the first", "int d = 32 * blockIdx.y + lane", "int d = lane"),
]
ATTENTION_GRADIENT = [
    ("sees the next key", "return j <= i && i - j < window", "return j <= i + 1 && i - j < window"),
    ("window a key too wide", "return j <= i && i - j < window", "return j <= i && i - j <= window"),
    ("half of a delta", "d += 32) sum += out", "d += 64) sum += out"),
    ("delta not subtracted from a query's slopes", "p * (slopes[r][c] - delta[r])", "p * (slopes[r][c] - 0 * delta[r])"),
    ("delta not subtracted from a key's slopes", "scores[r][c] * (slopes[r][c] - delta)",
     "scores[r][c] * (slopes[r][c] - 0 * delta)"),
    ("queries' gradient not scaled", "factors[r] = scale", "factors[r] = 1"),
    ("starts a key too late", "max(0, start - window + 1)", "max(0, start - window + 2)"),
    ("last query that sees a key left out", "? start + count - 1 + window : n", "? start + count - 2 + window : n"),
    ("first head of a group only", "head < (key_head + 1) * group", "head < key_head * group + 1"),
    ("slopes over weights in use", "value_sums);\n            __syncwarp();", "value_sums);"),
    ("queries loaded while in use", "            __syncthreads();\n            // scaled here", "            // scaled here"),
    ("values loaded while keys are in use", "        __syncthreads();\n        load_tile<R>(tile, values",
     "        load_tile<R>(tile, values"),
    ("keys loaded while values are in use", "        __syncthreads();\n        load_tile<R>(tile, keys",
     "        load_tile<R>(tile, keys"),
]
SOFTMAX = [
    ("earlier sum not scaled down", "sum *= exp((double) most - highest);", ""),
    ("threads' sums not scaled down", "sum * exp((double) most - top)", "sum"),
    ("columns side by side, the last left out", "i < SIDE_BY_SIDE; i++) sum", "i < SIDE_BY_SIDE - 1; i++) sum"),
    ("a column too many", "j < cols ? row[j] : minus_infinity()", "j <= cols ? row[j] : minus_infinity()"),
    ("nothing counts as something", "x[i] == minus_infinity() ? 0 : expf", "expf"),
    ("loss of the first row's target", "row[targets[blockIdx.x]]", "row[targets[0]]"),
    ("0 log 0 is NaN", "if (share > 0) sum", "sum"),
    ("divergence the other way round", "((double) p - logQ[at + j])", "(logQ[at + j] - (double) p)"),
    ("last of equals in a thread", "value > most", "value >= most"),
    ("last of equals in a block", "most == top ? first : NO_COLUMN", "most == top ? -first : NO_COLUMN"),
    ("no column for a row of nothing", "first == NO_COLUMN ? 0 : first", "first"),
    ("lane 1 adds nothing", "lane >= by", "lane > by"),
    ("columns before forgotten", "before += __shfl_sync(ALL_LANES, through, 31);", ""),
    ("warps before forgotten", "wanted - before_chosen", "wanted - 0 * before_chosen"),
    ("improbable columns drawn", "p > 0 && before + through > wanted", "before + through >= wanted"),
    ("totals read too early", "= own;\n    __syncthreads();", "= own;"),
    ("last warp's columns left out", "warp * length);\n    int to = min(cols, from + length)",
     "warp * length);\n    int to = min(cols - 1, from + length)"),
    ("target not subtracted", "(j == target ? 1.0f : 0.0f)", "0.0f"),
    ("rows without a target as others", "target < 0 ? 0 : expf", "target < -1 ? 0 : expf"),
]
NUCLEUS = [
    ("negative numbers as they lie", "bits >> 31 ? ~bits : bits | 0x80000000u", "bits | 0x80000000u"),
    ("NaN ranks by its pattern", "return x != x ? 0 : bits >> 31", "return bits >> 31"),
    ("no share but all", "ceil(share * (double) total)", "(double) total"),
    ("columns of other digits counted", "shift < 24 && rank >> (shift + 8) != least >> (shift + 8)", "shift > 24"),
    ("last bin's mass lost", "        atomicAdd(&digit.histogram[bin], held);\n        __sync", "        __sync"),
    ("mass told twice", "                held = 0;\n", ""),
    ("bins not cleared", "digit.histogram[b] = 0;", "if (shift == 24) digit.histogram[b] = 0;"),
    ("bins read before all are counted", "        __syncthreads();\n        if (threadIdx.x < 32)", "        if (threadIdx.x < 32)"),
    ("mass above not taken off", "        wanted -= digit.above;\n", ""),
    ("all equals stay", "equal ? place * one >= wanted", "equal ? one > wanted + one"),
    ("one equal too few", "place * one >= wanted", "(place + 1) * one >= wanted"),
    ("equals of other warps not counted", "place += w < warp ? equals[w] : 0;", ""),
    ("equals of earlier columns not counted", "before += equals[w];", ""),
    ("rows without mass emptied", "    if (total == 0) return; // nothing to choose by\n", ""),
    ("columns beyond the block left out", "for (int from = 0; from < cols; from += blockDim.x)", "for (int from = 0; from < 1; from += blockDim.x)"),
]
ROW_GRADIENTS = [
    ("weight left out of the mean", "value * (weight[i] * gradient[at + i])", "value * gradient[at + i]"),
    ("pull not averaged", "scale * scale * scale * along / group", "scale * scale * scale * along"),
    ("pull by the scale once", "scale * scale * scale * along", "scale * along"),
    ("gate's slope without its own", "(1 + x * (1 - sigmoid))", "1"),
    ("up from the changed gate", "up[i] = above * x * sigmoid", "up[i] = above * gate[i] * sigmoid"),
    ("gradients beyond the grid left out", "i += gridDim.x * (long long) blockDim.x", "i += count"),
    ("squares of the sums", "sum += value * value", "sum += value"),
    ("last warp left out", "w < 32; w++", "w < 31; w++"),
    ("partial sums read too early", "= sum;\n    __syncthreads();", "= sum;"),
    ("what was there lost", "sum = sums[j];", "sum = 0;"),
    ("equals all before each other", "x < y : i < j", "x < y : true"),
    ("NaN first", "return known;\n", "return !known;\n"),
    ("the higher of two", "rank == (count - 1) / 2", "rank == count / 2"),
    ("elements beyond the grid are never the median",
     "i += gridDim.x * blockDim.x) {\n        float own", "i += count) {\n        float own"),
    ("clipped at the square", "sqrt((double) *median)", "(double) *median"),
    ("all shortened", "norm > longest && longest > 0", "longest > 0"),
    ("shortened to nothing", "norm > longest && longest > 0", "norm > longest"),
]
ELEMENTWISE = [
    ("negative zero kept", "__float_as_uint(pattern[i]) << 1 != 0", "__float_as_uint(pattern[i]) != 0"),
    ("subnormal pattern dropped", "__float_as_uint(pattern[i]) << 1 != 0", "__float_as_uint(pattern[i]) << 1 > 1u << 24"),
    ("sign of the exponent", "expf(-gate[i])", "expf(gate[i])"),
    ("never waits for the launch before", "    wait_for_launch_before();\n    for (long long i = LINE; i < count; i += STRIDE) gate",
     "    for (long long i = LINE; i < count; i += STRIDE) gate"),
    ("bias by row", "i % cols", "i / cols"),
    ("elements beyond the grid left out", "#define STRIDE (gridDim.x", "#define STRIDE (1024 * gridDim.x"),
    ("an element too many", "i < count; i += STRIDE) x[i]", "i <= count; i += STRIDE) x[i]"),
]
EACH = [
    ("fourth batch left out", "n < IN_FLIGHT; n++) {\n            if (i + n * stride < count) held[n]",
     "n < IN_FLIGHT - 1; n++) {\n            if (i + n * stride < count) held[n]"),
    ("an element too many", "if (i + n * stride < count) out", "if (i + n * stride <= count) out"),
    ("elements beyond the grid left out", "i += IN_FLIGHT * stride", "i += count"),
]
EACH_OF_ROWS = [
    ("a column too many", "if (j + 32 * n < cols) to", "if (j + 32 * n <= cols) to"),
    ("columns beyond the grid left out", "j += gridDim.x * (long long) WIDTH", "j += cols"),
    ("rows beyond the grid left out", "i += gridDim.y * (long long) blockDim.y", "i += rows"),
]
STORAGE = [
    ("bf16 in the wrong half", "(unsigned int) x.bits << 16", "(unsigned int) x.bits << 15"),
    ("sign of a half lost", "return __uint_as_float(sign | (", "return __uint_as_float(("),
    ("sign of a subnormal half lost", "* 0x1p-24f) | sign)", "* 0x1p-24f))"),
    ("subnormal halves as normal", "magnitude < 0x400", "magnitude < 0x000"),
    ("infinity as a number", "? 112 : 224", "? 112 : 112"),
    ("last of an odd row left out", "2 * j < cols", "2 * j + 1 < cols"),
    ("next row's first behind a row", "2 * j + 1 < cols", "2 * j < cols"),
    ("rows read as far apart as written", "x + i * cols", "x + i * 2 * words"),
    ("f64 cut to single", "without_low_bits((float) x[i], dropped)", "without_low_bits(__uint_as_float(__float_as_uint((float) x[i]) & ~1u), dropped)"),
    ("terms overlap", "n * term", "n * (term - 1)"),
    ("columns beyond the grid left out", "j += gridDim.x * 32LL", "j += words"),
    ("rows beyond the grid left out", "i < rows; i += gridDim.y * (long long) blockDim.y", "i < rows; i += rows"),
]
SPLIT_TERMS = [
    ("terms in the other order of a word", "low >> 16 | high", "low | high >> 16"),
    ("first's rest is its whole", "first -= __uint_as_float(low)", "first -= 0"),
]
TRANSPOSE = [
    ("tile read before it is written", "left + lane];\n            }\n            __syncthreads();", "left + lane];\n            }"),
    ("tile overwritten before it is read", "PITCH + r];\n            }\n            __syncthreads();", "PITCH + r];\n            }"),
    ("a row too many", "i < rows && j < cols", "i <= rows && j < cols"),
    ("tiles beyond the grid left out", "left += gridDim.x * (long long) TILE", "left += cols"),
    ("tiles below the grid left out", "top += gridDim.y * (long long) TILE", "top += rows"),
    ("tile not turned", "tile[lane * PITCH + r]", "tile[r * PITCH + lane]"),
    ("both triangles of a diagonal tile", "return i > j", "return i != j"),
    ("diagonal tiles left out", "return top >= left", "return top > left"),
    ("the other triangle", "return i < j", "return i > j"),
]
INDEXING = [
    ("rows in order", "widened(x[(long long) index[i] * cols + j])", "widened(x[i * cols + j])"),
    ("bf16 in the wrong half", "(unsigned int) bits << 16", "(unsigned int) bits << 15"),
    ("scattered in order", "return out + (long long) index[i] * cols", "return out + i * cols"),
    ("first column gathered", "index[i] * cols + column]; }", "index[i] * cols]; }"),
    ("first column scattered", "index[i] * cols + column] = x[i]", "index[i] * cols] = x[i]"),
    ("column's elements beyond the grid left out", "i += stride) {\n        out[(long long) index", "i += count + stride) {\n        out[(long long) index"),
]

ARITHMETIC = [
    ("nothing added", "return alpha * x[i] + y[i]", "return alpha * x[i]"),
    ("scaled by the square", "return alpha * x[i]; }", "return alpha * x[i] * alpha; }"),
    ("no row added to", "x[i * cols + j] + y[i * cols + j]", "x[i * cols + j]"),
    ("rows by column factors", "return factors[i] * x[i * cols + j]; }", "return factors[j] * x[i * cols + j]; }"),
    ("columns by row factors", "return factors[j] * x[i * cols + j]; }", "return factors[i] * x[i * cols + j]; }"),
    ("power of nothing", "if (!(x > 0)) return 0;", ""),
    ("root for its inverse", "return 1 / sqrt(x)", "return sqrt(x)"),
    ("inverse for the root", "return sqrt(x)", "return 1 / x"),
    ("powers beyond the grid left out", "i += stride) {", "i += count + stride) {"),
    ("singles added to nothing", "x[i * pitch_x + j] + y[i * pitch_y + j]", "x[i * pitch_x + j]"),
    ("doubles added to in f32", "+ y[i * pitch_y + j]", "+ (float) y[i * pitch_y + j]"),
    ("singles' pitch for the doubles'", "return y + i * pitch_y;", "return y + i * pitch_x;"),
    ("singles without their pitch", "x[i * pitch_x + j]", "x[i * cols + j]"),
    ("quotient by nothing", "y[i] > 0 ? x[i] / y[i] : (T) 0", "x[i] / y[i]"),
    ("copied where equal", "if (*a < *b)", "if (*a <= *b)"),
    ("copied unless greater, NaN too", "if (*a < *b)", "if (!(*b <= *a))"),
    ("sum by nothing of the device's", "axpy((float) *alpha, x, y, count)", "axpy(0.5f, x, y, count)"),
    ("multiple of nothing of the device's", "scale((float) *alpha, x, count)", "scale(0.5f, x, count)"),
]
SQUARE = [
    ("a row as the diagonal", "out[i] = x[i * (n + 1LL)]", "out[i] = x[i]"),
    ("added in the matrix's type", "(x[i * (n + 1LL)] + value)", "(x[i * (n + 1LL)] + (float) value)"),
    ("diagonal cleared", "blockIdx.x + 1 + threadIdx.x", "blockIdx.x + threadIdx.x"),
    ("part of the triangle left", "row[j] = 0;", "if (j < 256) row[j] = 0;"),
    ("highest index on ties in a thread", "size > most", "size >= most"),
    ("highest index on ties in a block", "block_reduce<Min>(most == largest ? at : n", "block_reduce<Max>(most == largest ? at : 0"),
    ("largest entry, not magnitude", "T size = fabs(row[j])", "T size = row[j]"),
    ("device's number added in f32", "float* x, const double* value, int n) {\n    add_to_diagonal(x, *value", "float* x, const double* value, int n) {\n    add_to_diagonal(x, (float) *value"),
    ("outcome without the library's", "int failed = *info != 0;", "int failed = 0;"),
    ("library's outcome by its sign", "int failed = *info != 0;", "int failed = *info > 0;"),
    ("outcome of one thread", "failed = block_reduce<Max>(failed, warps);", ""),
    ("NaN of a row for the diagonal's", "failed |= x[i * (n + 1LL)] != x[i * (n + 1LL)]", "failed |= x[i] != x[i]"),
    ("entry turned before all have read it", "    __syncthreads();\n    if (!negative)", "    if (!negative)"),
]

REDUCTIONS = [
    ("summed in f32", "sum += (double) x[i] * y[i]", "sum += (float) ((double) x[i] * y[i])"),
    ("elements beyond the block left out", "i = at; i < count; i += stride", "i = at; i < count; i += count"),
    ("first block's partial result only", "if (threadIdx.x == 0) partial[blockIdx.x] = sum", "if (threadIdx.x == 0) partial[0] = sum"),
    ("partial sums beyond the block left out", "i += blockDim.x) sum", "i += count) sum"),
    ("every row is the first", "long long at = (long long) blockIdx.x * cols", "long long at = 0"),
    ("wide sums rounded", "out[blockIdx.x] = (Out) sum", "out[blockIdx.x] = (T) sum"),
]
SUPPORT = [
    ("negative zero counted", "<< 1 != 0", "!= 0"),
    ("subnormals as zeros", "<< 1 != 0", ">> 23 << 9 != 0"),
    ("a row too many", "min(rows - first, CHUNK)", "min(rows - first + 1, CHUNK)"),
    ("a chunk too small", "min(rows - first, CHUNK)", "min(rows - first, CHUNK - 1)"),
    ("earlier chunks forgotten", "*at = sum;", "*at = 0;"),
    ("columns counted inclusively", "before + through - own", "before + through"),
    ("own warp counted twice", "w < warp", "w <= warp"),
    ("warps' sums read too early", "warps[warp] = through;\n        __syncthreads();", "warps[warp] = through;"),
    ("warps' sums overwritten too early", "place : room;\n        __syncthreads();", "place : room;"),
    ("lists beyond the room", "start[j] = place < room ? place : room", "start[j] = place"),
    ("last list beyond the room", "start[k] = before < room ? before : room", "start[k] = before"),
    ("rows listed beyond the room", "left != 0 && at < room", "left != 0"),
    ("a place too many marked", "popc(others & below) < spare", "popc(others & below) <= spare"),
    ("nonzeros beyond those kept", "__popc(taken & below) < left", "true"),
    ("the group's places counted anew", "left -= __popc(taken);", ""),
    ("others of a group counted anew", "spare -= __popc(others);", ""),
    ("nonzeros of the first columns alone", "spare -= __popc(__ballot_sync(ALL_LANES, first + lane < end &&", "spare -= __popc(__ballot_sync(ALL_LANES, first == from && first + lane < end &&"),
    ("the next group's columns", "first + lane < end && code", "first + lane < k && code"),
    ("marks beyond the group", "if (j < end) mark[j]", "mark[j]"),
    ("one group a row", "from < k; from += group", "from < k; from += k"),
    ("rows beyond the grid not marked", "row < rows; row += warps", "row < rows; row += rows * warps"),
    ("groups begin with what others left", "int spare = kept;", "int spare = from == 0 ? kept : 0;"),
    ("rows in their chunk", "blockIdx.y * CHUNK + __ffsll(left) - 1", "__ffsll(left) - 1"),
]

OMP = [
    ("ties to the higher atom", "(0xffffffffu - p.atoms[j])", "p.atoms[j]"),
    ("signed correlations compared", "__float_as_uint(p.alpha[j]) & 0x7fffffffu", "__float_as_uint(p.alpha[j])"),
    ("place read before it is known", "*p.place = at;\n    __syncthreads();", "*p.place = at;"),
    ("column moved before all have read it", "        __syncthreads();\n        if (!(fabs", "        if (!(fabs"),
    ("atom not moved", "p.atoms[at] = p.atoms[last];", ""),
    ("correlation not moved", "p.alpha[at] = p.alpha[last];", ""),
    ("column of P not moved", "row[at] = row[last];", ""),
    ("vanished correlations taken", "fabs(correlation) > VANISHED * first", "fabs(correlation) > 0 * first"),
    ("correlations vanish too early", "constexpr float VANISHED = 5e-7f", "constexpr float VANISHED = 5e-6f"),
    ("dependent atoms taken", "rest > DEPENDENT * energy", "rest > -1"),
    ("direction not made orthogonal in groups of steps", "subtract(direction, p.weights[l + u], rows[u])", "subtract(direction, 0, rows[u])"),
    ("direction not made orthogonal in the last steps", "subtract(direction, p.weights[l], *", "subtract(direction, 0, *"),
    ("fourth column of four not subtracted", "from.w -= factor * x.w;", ""),
    ("columns beyond the block left out", "j += 4 * blockDim.x", "j += 4 * width"),
    ("correlations not reduced", "(p.alpha + j), step, direction", "(p.alpha + j), 0 * step, direction"),
    ("next step before the last has ended", "steps++;\n        __syncthreads();", "steps++;"),
    ("factor's diagonal without its root", "row[steps] = length", "row[steps] = (float) rest"),
    ("earlier rows not subtracted from later ones", "own -= row[c] * x[from + c];", "own -= row[c] * 0;"),
    ("later rows not subtracted from earlier ones", "own -= factor_row(p, from + c)[i] * x[from + c];", "own -= 0;"),
    ("triangle not solved within a block", "own -= row[c] * found;", "own -= 0 * found;"),
    ("transposed triangle not solved within a block", "own -= row[lane] * found;", "own -= 0 * found;"),
    ("refined without the Gram matrix", "x[l] = b[p.chosen[l]] - sum", "x[l] = b[p.chosen[l]]"),
    ("not refined", "round < 2", "round < 1"),
    ("codes of other rows left", "if (j < k) out[j] = 0;", ""),
    ("rows beyond the grid left out", "row += gridDim.x", "row += rows"),
]

KSVD = [
    ("last row left out", "first + n < users.count", "first + n < users.count - 1"),
    ("codes of the first atom", "users.codes[row * users.k + users.atom] : 0", "users.codes[row * users.k] : 0"),
    ("rows by their place in the list", "inside ? users.row(first + n) : 0", "inside ? first + n : 0"),
    ("atom's own part left out of the product", "products[n] = codes[n] * along;", "products[n] = 0;"),
    ("atom's own part left out of the sum", "w[j] = sum + along * old[j]", "w[j] = sum"),
    ("products read before they are there", "dots[threadIdx.x / 32 * ROWS + n] = sum;\n        }\n        __syncthreads();",
     "dots[threadIdx.x / 32 * ROWS + n] = sum;\n        }"),
    ("one place for the products of all groups", "shared.dots + parity * MOST_WARPS * ROWS", "shared.dots"),
    ("last warp's products left out", "warp < blockDim.x / 32; warp++", "warp < blockDim.x / 32 - 1 || warp < 1; warp++"),
    ("direction not scaled", "squares > 0 ? 1 / sqrt(squares) : 0", "1"),
    ("divided by a length of zero", "squares > 0 ? 1 / sqrt(squares) : 0", "1 / sqrt(squares)"),
    ("second quads are the first", "return 4 * (threadIdx.x + j * blockDim.x);", "return 4 * threadIdx.x;"),
    ("last element of a row not written", "if (d + 2 < cols) row[d + 2]", "if (d + 3 < cols) row[d + 2]"),
    ("an element too many written", "if (d + 1 < cols) row[d + 1]", "row[d + 1]"),
    ("atom that no row uses becomes zero", "    if (users.count == 0) return;\n", ""),
    ("rows of the first atom", "rows[from + n]", "rows[n]"),
    ("atom not saved", "if (saved && blockIdx.x == 0)", "if (saved && blockIdx.x > 0)"),
    ("rows beyond the grid left out of the sum",
     "first += ROWS * gridDim.x) {\n        Group<QUADS> group;\n        group.load(users, first, along, shared, parity);\n"
     "        UNROLL\n        for (int n = 0; n < ROWS; n++) {\n            codes_along",
     "first += users.count) {\n        Group<QUADS> group;\n        group.load(users, first, along, shared, parity);\n"
     "        UNROLL\n        for (int n = 0; n < ROWS; n++) {\n            codes_along"),
    ("atom's own part of the residual not restored",
     "add_multiple(group.quads[n][j], group.codes[n], KEPT ? former[at] : own_quad(old, j, users.cols));", ""),
    ("new atom for the former where there is no room", ": own_quad(old, j, users.cols));", ": shared.unit[at]);"),
    ("rows beyond the users updated", "if (first + n >= users.count) break;", ""),
    ("blocks beyond the 32nd left out", "block += 32)", "block += blocks)"),
    ("partial sums read before they are there", "alongs[threadIdx.y] = along;\n    __syncthreads();", "alongs[threadIdx.y] = along;"),
    ("a partial sum too few", "n < 32; n++", "n < 31; n++"),
    ("codes of the blocks not added up", "along += alongs[n];", "along = alongs[n];"),
]

CODE_SWEEP = [
    ("last signal left out", "if (signal >= n) return;", "if (signal >= n - 1) return;"),
    ("signals beyond the last", "if (signal >= n) return;", "if (signal > n) return;"),
    ("products read before they are there", "products[i] = gram[i];\n    __syncthreads();", "products[i] = gram[i];"),
    ("-0 counts as support", "__float_as_uint(support[at]) << 1 != 0", "__float_as_uint(support[at]) != 0"),
    ("mask of 32 atoms", "(unsigned long long) (__float_as_uint(support[at]) << 1 != 0) << j",
     "(unsigned int) (__float_as_uint(support[at]) << 1 != 0) << (j & 31)"),
    ("support not asked", "(used >> j & 1) != 0 && row[j] > 0", "row[j] > 0"),
    ("divided by a negative product", "&& row[j] > 0", "&& row[j] != 0"),
    ("divided by a product of zero", "&& row[j] > 0", "&& row[j] >= 0"),
    ("last atom before not subtracted", "l < j; l++", "l < j - 1; l++"),
    ("upper triangle taken", "x -= row[l] * own[l * blockDim.x]", "x -= products[l * b + j] * own[l * blockDim.x]"),
    ("what was there before subtracted", "        own[j * blockDim.x] = x;\n", ""),
    ("not divided", "x /= row[j];", ""),
    ("codes overlap the products", "products + b * b + threadIdx.x", "products + b * b - 1 + threadIdx.x"),
]
CONJUGATE_GRADIENT = [
    ("image not masked", "<< 1 != 0 ? image[at + j] : 0", "<< 1 != 0 ? image[at + j] : image[at + j]"),
    ("-0 counts as support", "__float_as_uint(support[at + j]) << 1 != 0", "__float_as_uint(support[at + j]) != 0"),
    ("step along negative curvature", "curvature > 0 ? (float) (before / curvature) : 0", "(float) (before / curvature)"),
    ("divided by an energy of zero", "before > 0 ? (float) (after / before) : 0", "(float) (after / before)"),
    ("residual not taken on", "q[j] = left;", ""),
    ("steps the other way", "codes[at + j] += step", "codes[at + j] -= step"),
    ("energy of the thread", "after = block_reduce<Sum>(after, sums);", ""),
    ("curvature of the thread", "curvature = block_reduce<Sum>(curvature, sums);", ""),
    ("every row's energy is the first's", "double before = energy[blockIdx.x]", "double before = energy[0]"),
    ("directions overlap", "KEPT ? q + k :", "KEPT ? q + k - 1 :"),
    ("another row's direction", ": direction + at;", ": direction;"),
]
TRIANGULAR = [
    ("upper triangle taken", "i < rows && j <= i ?", "i < rows ?"),
    ("last row left out", "i < rows && j <= i ?", "i < rows - 1 && j <= i ?"),
    ("every block's columns are the first's", "(long long) n + first + j]", "(long long) n + j]"),
    ("squares inverted before they are there", "first + j] : 0;\n    }\n    __syncthreads();", "first + j] : 0;\n    }"),
    ("square written before all have read it", "    __syncwarp();\n", ""),
    ("not divided", "x[i] /= square[i * PITCH + i];", ""),
    ("last of the earlier rows not subtracted", "l < i; l++", "l < i - 1; l++"),
    ("squares joined before they are inverted", "SQUARE * (PITCH + 1));\n    __syncthreads();", "SQUARE * (PITCH + 1));"),
    ("product written before all have read", "    __syncthreads();\n    UNROLL\n    for (int r = 0; r < ROWS; r++) {\n        *rein",
     "    UNROLL\n    for (int r = 0; r < ROWS; r++) {\n        *rein"),
    ("product read before all have written", "sign * sums[r][3]);\n    }\n    __syncthreads();", "sign * sums[r][3]);\n    }"),
    ("last of a sum left out", "l < H; l++", "l < H - 1; l++"),
    ("fourth column of four not summed", "sums[r][3] += factor * q.w;", ""),
    ("sign forgotten", "multiply<H>(left, -1,", "multiply<H>(left, 1,"),
    ("second product by the upper inverse", "left + H, left);", "upper, left);"),
    ("first product by the lower inverse", "multiply<H>(left, 1, left, upper);", "multiply<H>(left, 1, left, left + H);"),
    ("squares of 32 not joined", "    join<32>(block);\n", ""),
    ("every block's inverse at the first's place", "inverses[first * (long long) BLOCK + at]", "inverses[at]"),
    ("all rows of the last block written", "at < rows * BLOCK", "at < BLOCK * BLOCK"),
]
ATOMS = [
    ("squares of the thread", "sqrt(block_reduce<Sum>(squares, sums))", "sqrt(squares + 0 * block_reduce<Sum>(squares, sums))"),
    ("divided by a norm of zero", "norm > 0 ? (float) (1 / norm) : 0", "(float) (1 / norm)"),
    ("other dictionary not scaled", "other[j] *= scale;", "other[j] *= 1;"),
    ("other dictionary's norms", "squares += (double) atom[j] * atom[j]", "squares += (double) other[j] * other[j]"),
    ("interpolates", "along * x[i] - back * y[i]", "along * x[i] + back * y[i]"),
    ("x and y exchanged", "along * x[i] - back * y[i]", "along * y[i] - back * x[i]"),
]
LEVELS = [
    ("NaN gets a level", "if (value != value) return __uint_as_float(0x7fc00000u);", ""),
    ("levels without their half", "(float) pattern + 0.5f - half", "(float) pattern - half"),
    ("nearest pattern rounded instead of cut", "floor(value / scale) + half", "floor(value / scale + 0.5) + half"),
    ("levels beyond the last", "pattern = pattern < 2 * half - 1 ? pattern : 2 * half - 1;", ""),
    ("levels before the first", "pattern = pattern > 0 ? pattern : 0;", ""),
    ("levels not in bf16", "return round_to_bf16(((float) pattern", "return (((float) pattern"),
    ("-0 under the scale 0", " + 0.0f);", ");"),
    ("values beyond all levels taken", "finite = finite && magnitude < BEYOND;", ""),
    ("last value beyond decides alone", "finite = finite && magnitude", "finite = magnitude"),
    ("smallest scale kept", "covering < SMALLEST_SCALE", "covering <= 0"),
    ("only a lane's values seen", "i = lane; i < count; i += 32", "i = lane; i < count; i += count"),
    ("largest of a lane alone", "warp_reduce<Max>(largest)", "largest"),
    ("steps of a sixteenth", "lane * (1.0 / 32)", "lane * (1.0 / 16)"),
    ("scales not in bf16", "float scale = round_to_bf16((float) (covering", "float scale = ((float) (covering"),
    ("losses not squared", "lost += error * error", "lost += fabs(error)"),
    ("more scales tried", "if (lane >= MOST_TRIED) lost = BEYOND * BEYOND;", ""),
    ("fewer scales tried", "MOST_TRIED = 25", "MOST_TRIED = 12"),
    ("half of the lanes compared", "by = 16; by > 0", "by = 8; by > 0"),
    ("own scale instead of the best", "__shfl_sync(ALL_LANES, scale, best)", "__shfl_sync(ALL_LANES, scale, lane)"),
    ("a column beyond the last", "if (column >= m) return;", "if (column > m) return;"),
    ("groups beyond the grid left out", "group < groups; group += gridDim.y", "group < groups; group += groups"),
    ("last group as long as the others", "min(length, n - from)", "length"),
    ("neighbouring columns for a group", "own[(long long) i * m]", "own[i]"),
    ("feedback but to the row before", "i < j; i += blockDim.y", "i < j - 1; i += blockDim.y"),
    ("feedback forgotten", "sums[i][lane] += error * fed[i]", "sums[i][lane] += 0 * error * fed[i]"),
    ("feedback from the first column", "* n + from;", "* n;"),
    ("feedback of some warps only", "for (int i = threadIdx.y; i < j", "for (int i = threadIdx.y + 1; i < j"),
    ("error of what was wanted", "own[j][lane] -= level", "own[j][lane] = sums[j][lane] - level"),
    ("error read too early", "= level;\n        }\n        __syncthreads();", "= level;\n        }"),
    ("sums rounded too early", "error * fed[i];\n        __syncthreads();", "error * fed[i];"),
    ("tiles read before all are there", "scales[column] : 0;\n    __syncthreads();", "scales[column] : 0;"),
    ("errors beyond the columns", "j < b && inside; j +=", "j < b; j +=") ,
    ("levels beyond the columns", "if (inside) levels[", "levels["),
    ("rounded from the first row", "for (int j = b - 1; j >= 0; j--)", "for (int j = 0; j < b; j++)"),
    ("last place left out", "list_numbers(k, s, atoms", "list_numbers(k, s - 1, atoms"),
    ("groups of a block's warps only", "group += blockDim.x / 32", "group += groups"),
    ("groups as long as the row", "min(length, count - from)", "count - from"),
    ("sweeps before all scales", "scale[group] = own;\n        }\n        __syncthreads();", "scale[group] = own;\n        }"),
    ("one sweep", "MOST_SWEEPS = 16", "MOST_SWEEPS = 1"),
    ("an atom without energy", "energy > 0 ? value", "energy != energy ? value"),
    ("residuals not divided", "residual[atom] / energy", "residual[atom]"),
    ("every code's scale the first", "scale[p / length]", "scale[0]"),
    ("nearer or not", "sweep == 0 ? level != value : fabs(wanted - level) < fabs(wanted - value)", "level != value"),
    ("only nearer in the first sweep", "sweep == 0 ? level != value : ", ""),
    ("residuals changed before all have read", "changed = true;\n                __syncthreads();", "changed = true;"),
    ("residuals read before all have changed", "code[atom] = level;\n                __syncthreads();", "code[atom] = level;"),
    ("residuals of the code, not of its change", "float by = level - value", "float by = level"),
    ("residuals beyond the block left out", "residual[j] -= by * products[j];", "if (j < blockDim.x) residual[j] -= by * products[j];"),
    ("rows beyond the grid left out", "row < rows; row += gridDim.x", "row < rows; row += rows"),
]

TOP_BITS = [
    ("NaN carried over", "if (x != x) return __uint_as_float(0x7fc00000u);", ""),
    ("ties up", "(pattern >> dropped & 1)", "1"),
    ("ties down", "(pattern >> dropped & 1)", "0"),
    ("cut", "pattern += (1u << (dropped - 1)) - 1 + (pattern >> dropped & 1);", ""),
    ("a bit too few dropped", "pattern >> dropped << dropped", "pattern >> (dropped - 1) << (dropped - 1)"),
]

LIST = [
    ("own warp's counted twice", "if (w < warp)", "if (w <= warp)"),
    ("lanes before and the own", "((1u << lane) - 1)", "((2u << lane) - 1)"),
    ("warps' counts read too early", "__popc(votes);\n        __syncthreads();", "__popc(votes);"),
    ("warps' counts overwritten too early", "list[place] = number;\n        __syncthreads();", "list[place] = number;"),
    ("numbers beyond the block left out", "first += blockDim.x", "first += n + blockDim.x"),
    ("numbers past the last", "number < n && ", ""),
    ("more than there is room for", "listed && place < most", "listed"),
]

DEAD_ATOMS = [
    ("NaN counts as use", "!(usage[atom] > 0)", "usage[atom] <= 0"),
    ("more replaced than rows", "count < d2 ? count : d2", "count"),
    ("replaced set, not raised", "*replaced +=", "*replaced ="),
    ("NaN first", "if (a != a) return b != b && i < j;", "if (a != a) return b == b || i < j;"),
    ("nothing before NaN", "return b != b || a > b", "return a > b"),
    ("smallest error first", "a > b ||", "a < b ||"),
    ("ties to the higher row", "(a == b && i < j)", "(a == b && i > j)"),
    ("errors read before all are there", "errors[first + threadIdx.x];\n        __syncthreads();", "errors[first + threadIdx.x];"),
    ("errors overwritten too early", "error, row);\n        __syncthreads();", "error, row);"),
    ("last tile as full as the others", "d2 - first < TILE ? d2 - first : TILE", "TILE"),
    ("rows beyond the block left out", "first < d2; first += TILE", "first < d2; first += d2"),
    ("one row too few", "place < wanted)", "place < wanted - 1)"),
    ("other dictionary left", "second[j] = signal[j];", "second[j] += 0;"),
    ("row's other codes left", "code[i] = i == atom", "if (i == atom) code[i] = 1"),
    ("the place for the atom", "int atom = found[1 + blockIdx.x]", "int atom = blockIdx.x"),
    ("the worst row for all", "int row = rows[blockIdx.x]", "int row = rows[0]"),
]

MUTATIONS = (
    [("select.cu", "SelectKernelsTest", *m) for m in SELECT]
    + [("primitives/radix.cuh", test, *m) for test in ("SelectKernelsTest", "NucleusKernelsTest") for m in RADIX]
    + [("primitives/reduce.cuh", "SelectKernelsTest", *m) for m in REDUCE]
    + [("packed_gemv.cu", "PackedGemvKernelsTest", *m) for m in PACKED]
    + [("packed_gemv_tokens.cu", "PackedGemvKernelsTest", *m) for m in PACKED_TOKENS]
    + [("primitives/slots.cuh", "PackedGemvKernelsTest", *m) for m in SLOTS]
    + [("packed_mma.cu", "PackedMmaKernelsTest", *m) for m in PACKED_MMA]
    + [("primitives/terms.cuh", "PackedMmaKernelsTest", *m) for m in TERMS]
    + [("primitives/terms.cuh", "StorageKernelsTest", *m) for m in SPLIT_TERMS]
    + [("unpack_slots.cu", "PackedGemvKernelsTest", *m) for m in UNPACK]
    + [("dense_gemv.cu", "DenseGemvKernelsTest", *m) for m in DENSE_GEMV]
    + [("rms_norm.cu", "RmsNormKernelsTest", *m) for m in RMS_NORM]
    + [("rotary.cu", "RotaryKernelsTest", *m) for m in ROTARY]
    + [("primitives/tiles.cuh", "AttentionKernelsTest", *m) for m in TILES]
    + [("attention.cu", "AttentionKernelsTest", *m) for m in ATTENTION]
    + [("attention_decode.cu", "AttentionDecodeKernelsTest", *m) for m in DECODE]
    + [("attention_gradient.cu", "AttentionGradientKernelsTest", *m) for m in ATTENTION_GRADIENT]
    + [("softmax.cu", "SoftmaxKernelsTest", *m) for m in SOFTMAX]
    + [("row_gradients.cu", "RowGradientKernelsTest", *m) for m in ROW_GRADIENTS]
    + [("nucleus.cu", "NucleusKernelsTest", *m) for m in NUCLEUS]
    + [("elementwise.cu", "ElementwiseKernelsTest", *m) for m in ELEMENTWISE]
    + [("primitives/each.cuh", "StorageKernelsTest", *m) for m in EACH]
    + [("primitives/each.cuh", "IndexingKernelsTest", *m) for m in EACH_OF_ROWS]
    + [("storage.cu", "StorageKernelsTest", *m) for m in STORAGE]
    + [("transpose.cu", "TransposeKernelsTest", *m) for m in TRANSPOSE]
    + [("arithmetic.cu", "ArithmeticKernelsTest", *m) for m in ARITHMETIC]
    + [("square.cu", "SquareKernelsTest", *m) for m in SQUARE]
    + [("reductions.cu", "ReductionKernelsTest", *m) for m in REDUCTIONS]
    + [("support.cu", "SupportKernelsTest", *m) for m in SUPPORT]
    + [("omp.cu", "OmpKernelsTest", *m) for m in OMP]
    + [("indexing.cu", "IndexingKernelsTest", *m) for m in INDEXING]
    + [("conjugate_gradient.cu", "ConjugateGradientKernelsTest", *m) for m in CONJUGATE_GRADIENT]
    + [("atoms.cu", "AtomKernelsTest", *m) for m in ATOMS]
    + [("dead_atoms.cu", "DeadAtomKernelsTest", *m) for m in DEAD_ATOMS]
    + [("levels.cu", "LevelKernelsTest", *m) for m in LEVELS]
    + [("primitives/top_bits.cuh", "StorageKernelsTest", *m) for m in TOP_BITS]
    + [("primitives/list.cuh", "LevelKernelsTest", *m) for m in LIST]
    + [("ksvd.cu", "KsvdKernelsTest", *m) for m in KSVD]
    + [("triangular.cu", "TriangularKernelsTest", *m) for m in TRIANGULAR]
    + [("code_sweep.cu", "CodeSweepKernelsTest", *m) for m in CODE_SWEEP]
)

# tests that launch kernels of more files than the mutated one
TOGETHER = {
    "PackedGemvKernelsTest": {"packed_gemv.cu", "packed_gemv_tokens.cu", "unpack_slots.cu"},
    "AttentionGradientKernelsTest": {"attention.cu", "attention_gradient.cu"},
}


def leave_out(kernels, file, test):
    """Files whose kernels the test does not launch need no compiling."""
    if file.endswith(".cu"):
        for other in set(kernels.glob("*.cu")) - {kernels / name for name in TOGETHER.get(test, {file})}:
            other.unlink()


def run(test, kernels):
    """Whether the test passes; anything but passed or failed tests ends the script."""
    result = subprocess.run(
        ["./mvnw", "-o", "-B", "surefire:test", f"-Dtest=io.cospadi.gpu.{test}", f"-Dcospadi.kernels={kernels}"],
        cwd=ROOT, capture_output=True, text=True,
        # a mutation that reads out of bounds may end the machine, whose report is of no use
        env=os.environ | {"JAVA_TOOL_OPTIONS": "-XX:ErrorFile=/dev/null"})
    if "Tests run: " not in result.stdout or "could not be built" in result.stdout:
        sys.exit(f"{test} could not run:\n{result.stdout}")
    return result.returncode == 0


def main():
    mutations = [mutation for mutation in MUTATIONS if not sys.argv[1:] or mutation[0] in sys.argv[1:]]
    if not mutations:
        sys.exit(f"no mutations of {', '.join(sys.argv[1:])}; there are of {', '.join(sorted({m[0] for m in MUTATIONS}))}")
    survivors = []
    for file, test in sorted({mutation[:2] for mutation in mutations}):
        with tempfile.TemporaryDirectory() as folder:
            kernels = pathlib.Path(folder) / "kernels"
            shutil.copytree(ROOT / "cuda-kernels", kernels)
            leave_out(kernels, file, test)
            if not run(test, kernels):
                sys.exit(f"{test} fails on the kernels as they are, beside {file}")
    for file, test, name, old, new in mutations:
        with tempfile.TemporaryDirectory() as folder:
            kernels = pathlib.Path(folder) / "kernels"
            shutil.copytree(ROOT / "cuda-kernels", kernels)
            leave_out(kernels, file, test)
            text = (kernels / file).read_text()
            if text.count(old) != 1:
                sys.exit(f"{file}: '{old}' stands there {text.count(old)} times; bring the list up to date")
            (kernels / file).write_text(text.replace(old, new))
            survived = run(test, kernels)
        print(f"{'SURVIVED' if survived else 'noticed '}  {file}: {name}", flush=True)
        if survived:
            survivors.append(name)
    print(f"{len(mutations) - len(survivors)} of {len(mutations)} mutations noticed")
    sys.exit(1 if survivors else 0)


if __name__ == "__main__":
    main()
