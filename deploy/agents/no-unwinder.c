/* Stands where the unwinder would: the agent's panics end it at once, and it has no tables to unwind by. The standard library
   asks only to print backtraces, which are empty then. Saves its 20 kB where flash is tightest (deploy/agents/build). */

#include <stdint.h>

enum { END_OF_STACK = 5 };

int _Unwind_Backtrace(void *each, void *argument) {
  (void)each, (void)argument;
  return END_OF_STACK;
}

uintptr_t _Unwind_GetIP(void *frame) {
  (void)frame;
  return 0;
}

uintptr_t _Unwind_GetIPInfo(void *frame, int *is_before) {
  (void)frame;
  *is_before = 0;
  return 0;
}

uintptr_t _Unwind_GetCFA(void *frame) {
  (void)frame;
  return 0;
}

void *_Unwind_FindEnclosingFunction(void *address) {
  (void)address;
  return 0;
}
