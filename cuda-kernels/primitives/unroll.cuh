// unroll.cuh: before a loop over an array that has to stay in registers; and before one whose loads should be under way together
#pragma once

#ifdef SIMT
#define UNROLL
#define UNROLL_BY_2
#define UNROLL_BY_4
#else
#define UNROLL _Pragma("unroll")
#define UNROLL_BY_2 _Pragma("unroll 2")
#define UNROLL_BY_4 _Pragma("unroll 4")
#endif
