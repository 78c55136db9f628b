// simt.cpp: the scheduler behind simt.h, and the doors through which Java reaches it
#include "simt.h"

#include <cstdio>
#include <cstdlib>
#include <string>
#include <sys/mman.h>
#include <ucontext.h>
#include <unordered_map>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define SWITCH_START(saved, bottom, size) __sanitizer_start_switch_fiber(saved, bottom, size)
#define SWITCH_FINISH(saved, bottom, size) __sanitizer_finish_switch_fiber(saved, bottom, size)
#define UNPOISON(address, size) __asan_unpoison_memory_region(address, size)
#else
#define SWITCH_START(saved, bottom, size)
#define SWITCH_FINISH(saved, bottom, size)
#define UNPOISON(address, size)
#endif

// ---- fibers: a stack each; on x86-64 a switch saves the registers that a call preserves, elsewhere ucontext does it
#if defined(__x86_64__)
extern "C" void simt_switch(void** save, void* load);
asm(R"(
.text
.globl simt_switch
.hidden simt_switch
simt_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
)");
struct Context {
    void* stack = nullptr;
    void prepare(char* bottom, size_t size, void (*entry)()) {
        auto top = reinterpret_cast<uintptr_t>(bottom + size) & ~uintptr_t(15);
        auto slots = reinterpret_cast<void**>(top);
        slots[-1] = nullptr;
        slots[-2] = reinterpret_cast<void*>(entry);
        for (int i = 3; i <= 8; i++) slots[-i] = nullptr;
        stack = slots - 8;
    }
};
static void switch_to(Context& from, Context& to) { simt_switch(&from.stack, to.stack); }
#else
struct Context {
    ucontext_t context;
    void prepare(char* bottom, size_t size, void (*entry)()) {
        getcontext(&context);
        context.uc_stack.ss_sp = bottom;
        context.uc_stack.ss_size = size;
        context.uc_link = nullptr;
        makecontext(&context, entry, 0);
    }
};
static void switch_to(Context& from, Context& to) { swapcontext(&from.context, &to.context); }
#endif

extern unsigned char __start_simt_shared[] __attribute__((weak));
extern unsigned char __stop_simt_shared[] __attribute__((weak));

namespace simt {

constexpr size_t STACK = 64 << 10;
constexpr int MOST_THREADS = 1024;
constexpr size_t MOST_SHARED = 163 << 10;  // compute capability 8.0, dynamic, opted in
constexpr int RING = 64;                   // results of warp operations that are kept apart: more than a pass can make

enum class State { READY, BARRIER, WARP, DONE, EARLY };

struct Thread {
    Context context;
    char* stack;
    State state;
    uint3 index;
    int number;
    unsigned int mask;
    uint64_t offered;
    const uint64_t* received;
};

View view;

static std::vector<Thread> threads;
static Context scheduler;
static Thread* running;
static Entry kernel;
static void** kernelArguments;
static std::string failure;
static std::vector<unsigned char> dynamicShared(MOST_SHARED + 64);
static std::vector<std::vector<uint64_t>> rings;
static std::vector<int> ringAt;
[[maybe_unused]] static const void* schedulerStack;
[[maybe_unused]] static size_t schedulerSize;

static std::unordered_map<std::string, Entry>& kernels() {
    static std::unordered_map<std::string, Entry> all;
    return all;
}
Registrar::Registrar(const char* name, Entry entry) {
    if (!kernels().emplace(name, entry).second) {
        std::fprintf(stderr, "two kernels are called %s\n", name);
        std::abort();
    }
}

static void to_scheduler(bool last) {
    Thread* self = running;
    void* fake = nullptr;
    (void) fake;
    SWITCH_START(last ? nullptr : &fake, schedulerStack, schedulerSize);
    switch_to(self->context, scheduler);
    SWITCH_FINISH(fake, nullptr, nullptr);
}

void block_barrier() {
    running->state = State::BARRIER;
    to_scheduler(false);
}

// ---- what a launch that begins early must not see or touch until it has waited
struct Hidden {
    unsigned char* at;
    size_t bytes;
    std::vector<unsigned char> content;
};
static std::vector<Hidden> hidden;
static bool hiding;

static void conceal() {
    for (Hidden& range : hidden) {
        range.content.assign(range.at, range.at + range.bytes);
        std::memset(range.at, 0xff, range.bytes);
    }
    hiding = !hidden.empty();
}

static void reveal() {
    for (Hidden& range : hidden) {
        for (size_t i = 0; i < range.bytes; i++) {
            if (range.at[i] != 0xff) failure = "written before the launch before was waited for";
        }
        std::memcpy(range.at, range.content.data(), range.bytes);
    }
    hiding = false;
}

void wait_for_launch_before() {
    running->state = State::EARLY;
    to_scheduler(false);
}

const uint64_t* warp_exchange(unsigned int mask, uint64_t offered) {
    if (!(mask >> view.lane & 1)) fail("a lane outside the mask takes part in a warp operation");
    running->mask = mask;
    running->offered = offered;
    running->state = State::WARP;
    to_scheduler(false);
    return running->received;
}

void fail(const char* what) {
    if (failure.empty()) failure = what;
    running->state = State::DONE;
    to_scheduler(true);
    __builtin_unreachable();
}

static void thread_main() {
    SWITCH_FINISH(nullptr, &schedulerStack, &schedulerSize);
    kernel(kernelArguments);
    running->state = State::DONE;
    to_scheduler(true);
}

static void resume(Thread& thread) {
    running = &thread;
    view.thread = thread.index;
    view.lane = thread.number & 31;
    view.self = &thread;
    void* fake = nullptr;
    (void) fake;
    SWITCH_START(&fake, thread.stack, STACK);
    switch_to(scheduler, thread.context);
    SWITCH_FINISH(fake, nullptr, nullptr);
}

static void describe(const char* what, int count) {
    int at[5] = {};
    for (int i = 0; i < count; i++) at[int(threads[i].state)]++;
    failure = std::string(what) + ": of " + std::to_string(count) + " threads " + std::to_string(at[1]) + " wait at a barrier, "
        + std::to_string(at[2]) + " in a warp operation, " + std::to_string(at[3]) + " have ended"
        + (at[4] > 0 ? ", " + std::to_string(at[4]) + " wait for the launch before" : "");
}

/** Lets every complete group of one warp go on; whether there was one. */
static bool release_warp(int warp, int count) {
    bool released = false;
    int first = warp * 32;
    int lanes = count - first < 32 ? count - first : 32;
    for (int lane = 0; lane < lanes; lane++) {
        Thread& thread = threads[first + lane];
        if (thread.state != State::WARP) continue;
        bool complete = true;
        for (int other = 0; other < 32 && complete; other++) {
            if (thread.mask >> other & 1) {
                complete = other < lanes && threads[first + other].state == State::WARP
                    && threads[first + other].mask == thread.mask;
            }
        }
        if (!complete) continue;
        unsigned int mask = thread.mask;
        uint64_t* result = &rings[warp][32 * (ringAt[warp]++ % RING)];
        for (int other = 0; other < lanes; other++) {
            if (mask >> other & 1) {
                Thread& member = threads[first + other];
                result[other] = member.offered;
                member.received = result;
                member.state = State::READY;
            }
        }
        released = true;
    }
    return released;
}

/** 0 .. count - 1 ascending, descending or shuffled. */
static std::vector<int> sequence(int count, unsigned int order) {
    std::vector<int> numbers(count);
    for (int i = 0; i < count; i++) numbers[i] = order % 3 == 1 ? count - 1 - i : i;
    if (order % 3 == 2) {
        uint64_t state = order * 6364136223846793005ull + 1442695040888963407ull;
        for (int i = count - 1; i > 0; i--) {
            state = state * 6364136223846793005ull + 1442695040888963407ull;
            std::swap(numbers[i], numbers[(state >> 33) % (i + 1)]);
        }
    }
    return numbers;
}

static void run_block(int count, size_t sharedBytes, unsigned int order) {
    std::memset(dynamicShared.data(), 0xff, dynamicShared.size());
    if (__start_simt_shared) std::memset(__start_simt_shared, 0xff, __stop_simt_shared - __start_simt_shared);
    for (int i = 0; i < count; i++) {
        threads[i].state = State::READY;
        threads[i].number = i;
        threads[i].index = {i % view.blockSize.x, i / view.blockSize.x % view.blockSize.y,
                            i / (view.blockSize.x * view.blockSize.y)};
        UNPOISON(threads[i].stack, STACK);
        threads[i].context.prepare(threads[i].stack, STACK, thread_main);
    }
    conceal();
    std::vector<int> warps = sequence((count + 31) / 32, order);
    std::vector<int> lanes = sequence(32, order);
    bool together = order / 3 % 2;
    for (;;) {
        for (bool ran = true; ran;) {
            ran = false;
            for (int warp : warps) {
                do {
                    for (int lane : lanes) {
                        int i = 32 * warp + lane;
                        if (i < count && threads[i].state == State::READY) resume(threads[i]);
                        if (!failure.empty()) return;
                    }
                } while (release_warp(warp, count) && (ran = true) && !together);
            }
        }
        int waiting = 0;
        int ended = 0;
        int early = 0;
        for (int i = 0; i < count; i++) {
            waiting += threads[i].state == State::BARRIER;
            ended += threads[i].state == State::DONE;
            early += threads[i].state == State::EARLY;
        }
        if (ended == count) break;
        if (early == count && hiding) reveal();
        if (waiting != count && early != count) {
            describe("not all threads reach a synchronisation", count);
            return;
        }
        for (int i = 0; i < count; i++) threads[i].state = State::READY;
    }
    for (size_t i = sharedBytes; i < sharedBytes + 64; i++) {
        if (dynamicShared[i] != 0xff) {
            failure = "written behind the " + std::to_string(sharedBytes) + " bytes of dynamic shared memory";
            return;
        }
    }
}

static bool launch(Entry entry, dim3 grid, dim3 block, size_t sharedBytes, void** arguments, unsigned int order) {
    failure.clear();
    uint64_t count = uint64_t(block.x) * block.y * block.z;
    if (count == 0 || count > MOST_THREADS || block.z > 64 || grid.x == 0 || grid.y == 0 || grid.z == 0
        || grid.x > 0x7fffffffu || grid.y > 65535 || grid.z > 65535 || sharedBytes > MOST_SHARED) {
        failure = "a launch beyond the limits of compute capability 8.0";
        return false;
    }
    while (threads.size() < count) {
        threads.emplace_back();
        threads.back().stack = static_cast<char*>(
            mmap(nullptr, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    }
    while (rings.size() < (count + 31) / 32) rings.emplace_back(32 * RING);
    ringAt.assign(rings.size(), 0);
    kernel = entry;
    kernelArguments = arguments;
    view.blockSize = block;
    view.gridSize = grid;
    view.dynamicShared = dynamicShared.data();
    bool waited = hidden.empty();
    uint64_t blocks = uint64_t(grid.x) * grid.y * grid.z;
    for (uint64_t i = 0; i < blocks; i++) {
        uint64_t number = order % 2 ? blocks - 1 - i : i;
        view.block = {unsigned(number % grid.x), unsigned(number / grid.x % grid.y), unsigned(number / grid.x / grid.y)};
        run_block(int(count), sharedBytes, order + unsigned(i));
        // blocks without work may end at once
        waited |= !hiding;
        if (hiding) reveal();
        if (i == blocks - 1 && !waited && failure.empty()) failure = "the launch before was not waited for";
        if (!failure.empty()) {
            failure += ", in block (" + std::to_string(view.block.x) + ", " + std::to_string(view.block.y) + ", "
                + std::to_string(view.block.z) + ")";
            return false;
        }
    }
    return true;
}

}  // namespace simt

// ---- Java's doors (io.cospadi.gpu.Simt): numbers and addresses only, so that no header of the JDK is needed
#define DOOR(type, name) extern "C" __attribute__((visibility("default"))) type Java_io_cospadi_gpu_Simt_##name

DOOR(int64_t, find)(void*, void*, int64_t name) {
    auto found = simt::kernels().find(reinterpret_cast<const char*>(name));
    return found == simt::kernels().end() ? 0 : reinterpret_cast<int64_t>(found->second);
}

DOOR(bool, launch)(void*, void*, int64_t entry, int32_t gx, int32_t gy, int32_t gz, int32_t bx, int32_t by, int32_t bz,
                      int32_t shared, int64_t arguments, int32_t order) {
    return simt::launch(reinterpret_cast<simt::Entry>(entry), {unsigned(gx), unsigned(gy), unsigned(gz)},
                        {unsigned(bx), unsigned(by), unsigned(bz)}, size_t(shared), reinterpret_cast<void**>(arguments),
                        unsigned(order));
}

/** From now on arrays, {@code count} pairs of an address and a number of bytes, are hidden until a block has waited. */
DOOR(void, hide)(void*, void*, int64_t pairs, int32_t count) {
    auto numbers = reinterpret_cast<const int64_t*>(pairs);
    simt::hidden.clear();
    for (int i = 0; i < count; i++) {
        if (numbers[2 * i + 1] == 0) continue;
        simt::hidden.push_back({reinterpret_cast<unsigned char*>(numbers[2 * i]), size_t(numbers[2 * i + 1]), {}});
    }
}

/** Copies the last launch's failure as at most {@code room} bytes, zero-terminated. */
DOOR(void, failure)(void*, void*, int64_t to, int32_t room) {
    std::snprintf(reinterpret_cast<char*>(to), size_t(room), "%s", simt::failure.c_str());
}
