// slots.cuh: the patterns of io.cospadi.gpu.SlottedCodes, each a reader of a unit of 16 bytes
//
// A reader hands every slot to take(at, offset, value, half): the slot stands on the atom whose float lies at + offset bytes
// behind the stream's base, offset and half (0 or 1, the slot's half of a word) known to the compiler; then it moves `at` on.
// Threads of a block, ENTRIES or more of them, prepare a reader together, a barrier before they use it.
#pragma once

/** Rows that a warp reads in step, and parts of each of them; SlottedCodes has the same. */
constexpr int TILE_ROWS = 32;
constexpr int PARTS = 16;

/** The first unit of a part of so many; of the one behind the last: where the row ends. */
static __device__ __forceinline__ int first_unit(int part, int units, int parts = PARTS) { return part * units / parts; }

/** The atom on which the first slot of a part would stand if its place were 0; rows without starts may have any number of parts. */
static __device__ __forceinline__ int first_atom(
    const unsigned short* starts, long long tile, int part, int lane, int units, int parts = PARTS) {
    return starts == nullptr ? 16 * first_unit(part, units, parts) : starts[(tile * PARTS + part) * TILE_ROWS + lane];
}

/** Units of a part's second half. */
static __device__ __forceinline__ int second_half(int part, int units) {
    return first_unit(part + 1, units) - first_unit(2 * part + 1, units, 2 * PARTS);
}

static __device__ __forceinline__ float low_value(unsigned int word) { return __uint_as_float(word << 18); }
static __device__ __forceinline__ float high_value(unsigned int word) { return __uint_as_float(word & 0xfffc0000u); }

/** Four times the place of a word's first slot, and of its second. */
static __device__ __forceinline__ unsigned int low_place4(unsigned int word) { return (word & 0xc000u) >> 12; }
static __device__ __forceinline__ unsigned int high_place4(unsigned int word) { return (word & 0x30000u) >> 14; }

struct Unprepared {
    /** Whether slots stand on fixed places, so that rows have no starts. */
    static constexpr bool FIXED = false;

    static __device__ __forceinline__ void prepare(int thread) {}
};

struct Gaps : Unprepared {
    template <typename Take>
    static __device__ __forceinline__ void two(unsigned int word, int slot, unsigned int& at, Take take) {
        at += low_place4(word);
        take(at, 4 * slot, low_value(word), 0);
        at += high_place4(word);
        take(at, 4 * slot + 4, high_value(word), 1);
    }

    template <typename Take>
    static __device__ __forceinline__ void unit(uint4 words, unsigned int& at, Take take) {
        two(words.x, 0, at, take);
        two(words.y, 2, at, take);
        two(words.z, 4, at, take);
        two(words.w, 6, at, take);
        at += 32;
    }
};

struct WideGaps : Unprepared {
    template <typename Take>
    static __device__ __forceinline__ void one(unsigned int word, int slot, unsigned int& at, Take take) {
        at += (word & 0xffffu) << 2;
        take(at, 4 * slot, __uint_as_float(word & 0xffff0000u), slot % 2);
    }

    template <typename Take>
    static __device__ __forceinline__ void unit(uint4 words, unsigned int& at, Take take) {
        one(words.x, 0, at, take);
        one(words.y, 1, at, take);
        one(words.z, 2, at, take);
        one(words.w, 3, at, take);
        at += 16;
    }
};

struct TwoOfFour : Unprepared {
    static constexpr bool FIXED = true;

    template <typename Take>
    static __device__ __forceinline__ void two(unsigned int word, int atom, unsigned int at, Take take) {
        take(at + low_place4(word), 4 * atom, low_value(word), 0);
        take(at + high_place4(word), 4 * atom, high_value(word), 1);
    }

    template <typename Take>
    static __device__ __forceinline__ void unit(uint4 words, unsigned int& at, Take take) {
        two(words.x, 0, at, take);
        two(words.y, 4, at, take);
        two(words.z, 8, at, take);
        two(words.w, 12, at, take);
        at += 64;
    }
};

/**
 * The 8 set bits of a unit's mask, by a table in shared memory: entry i holds the positions of the set bits of i in ascending
 * order, one a nibble.
 */
struct EightOfSixteen {
    static constexpr bool FIXED = true;
    static constexpr int ENTRIES = 256;
    unsigned int* table;

    __device__ __forceinline__ void prepare(int thread) const {
        if (thread < ENTRIES) table[thread] = entry(thread);
    }

    static __device__ __forceinline__ unsigned int entry(int bits) {
        unsigned int positions = 0;
        int count = 0;
        for (int i = 0; i < 8; i++) {
            if (bits >> i & 1) positions |= i << 4 * count++;
        }
        return positions;
    }

    template <typename Take>
    static __device__ __forceinline__ void two(
        unsigned int word, unsigned int first4, unsigned int second4, unsigned int at, Take take) {
        take(at + (first4 & 0x3c), 0, low_value(word), 0);
        take(at + (second4 & 0x3c), 0, high_value(word), 1);
    }

    template <typename Take>
    __device__ __forceinline__ void unit(uint4 words, unsigned int& at, Take take) const {
        unsigned int mask = (words.x >> 14 & 0xf) | (words.y >> 10 & 0xf0) | (words.z >> 6 & 0xf00) | (words.w >> 2 & 0xf000);
        unsigned int low = mask & 0xff;
        unsigned int positions = table[low];
        // 8 bits below leave none above, and no room for them in 32 bits
        if (low != 0xff) positions |= (table[mask >> 8] + 0x88888888u) << 4 * __popc(low);
        two(words.x, positions << 2, positions >> 2, at, take);
        two(words.y, positions >> 6, positions >> 10, at, take);
        two(words.z, positions >> 14, positions >> 18, at, take);
        two(words.w, positions >> 22, positions >> 26, at, take);
        at += 64;
    }
};
