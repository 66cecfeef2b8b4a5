// SPDX-License-Identifier: GPL-2.0-only
// Applies to: arch/x86/um/os-Linux/registers.c
//
// A host takes its floating point state only as a whole, and where it has AMX
// that is four times the size that UML knows: no process starts. UML never sees
// what lies behind its own part, nor does it matter, since the header says that
// it is not in use. One buffer is enough: there is one CPU, and no preemption but
// where it is enabled again.

@@
identifier pid, fp_regs, iov;
@@
restore_fp_registers(int pid, unsigned long *fp_regs)
{
<...
- iov.iov_base = fp_regs;
- iov.iov_len = FP_SIZE * sizeof(unsigned long);
+ static unsigned long xstate[2048];
+
+ memcpy(xstate, fp_regs, FP_SIZE * sizeof(unsigned long));
+ iov.iov_base = xstate;
+ iov.iov_len = sizeof(xstate);
...>
}

@@
@@
#include <stdlib.h>
+ #include <string.h>
