// CUDA's words for a C++ compiler: a kernel runs on the CPU, thread after thread, block after block.
//
// Blocks run from the last to the first and threads from the first to the last.  At a barrier a
// thread waits until all of its block have come to it; where some of them never do, `emulate` says
// so.  A store that needed a barrier and had none is seen too early or too late by the next thread.

#include <cmath>
#include <csetjmp>
#include <cstdlib>
#include <cstring>
#include <vector>
#include <ucontext.h>

#define __global__
#define __device__ static inline
#define __shared__ static
#define __restrict__ __restrict
using std::exp; using std::log; using std::sqrt; using std::tanh; using std::fabs; using std::fmax;

struct dim3 { unsigned int x, y, z; };
static dim3 threadIdx, blockIdx, blockDim, gridDim;

static inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
    return (unsigned __int128)a * b >> 64;
}

static const size_t STACK = 1 << 16;
struct Thread { ucontext_t first; jmp_buf at; bool begun, done; };
static std::vector<Thread> threads;
static std::vector<char> stacks;
static jmp_buf scheduler;
static unsigned int running;
static void (*body)();

static void begin() {
    body();
    threads[running].done = true;
    _longjmp(scheduler, 1);
}

static void go_on(unsigned int t) {
    running = t;
    threadIdx.x = t;
    if (_setjmp(scheduler)) return;
    if (threads[t].begun) _longjmp(threads[t].at, 1);
    threads[t].begun = true;
    setcontext(&threads[t].first);
}

static inline void __syncthreads() {
    if (!_setjmp(threads[running].at)) _longjmp(scheduler, 1);
}

static bool block_with_barriers() {
    for (unsigned int t = 0; t < blockDim.x; t++) {
        Thread &thread = threads[t];
        thread.begun = thread.done = false;
        getcontext(&thread.first);
        thread.first.uc_stack.ss_sp = &stacks[t * STACK];
        thread.first.uc_stack.ss_size = STACK;
        thread.first.uc_link = nullptr;
        makecontext(&thread.first, begin, 0);
    }
    for (;;) {
        unsigned int done = 0;
        for (unsigned int t = 0; t < blockDim.x; t++) {
            go_on(t);
            done += threads[t].done;
        }
        if (done == blockDim.x) return true;
        if (done) return false;                   // the others wait for ever
    }
}

static int emulate(unsigned int grid, unsigned int block, bool barriers, void (*kernel)()) {
    body = kernel;
    gridDim = {grid, 1, 1};
    blockDim = {block, 1, 1};
    threads.resize(block);
    if (barriers) stacks.resize(block * STACK);
    for (unsigned int b = grid; b-- > 0;) {
        blockIdx = {b, 0, 0};
        if (barriers) {
            if (!block_with_barriers()) return 1;
        } else {
            for (unsigned int t = 0; t < block; t++) {
                threadIdx = {t, 0, 0};
                kernel();
            }
        }
    }
    return 0;
}
