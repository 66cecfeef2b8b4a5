// SPDX-License-Identifier: GPL-2.0-only
// Applies to: arch/um/kernel/stacktrace.c
//
// Each word of the stack that is not kernel text is looked up as one of a
// module, in an RCU section. With lockdep and SMP such a section costs several
// system calls on the host, and KASAN and kmemleak save a stack for each
// allocation. Modules live in vmalloc space, so look there only: a debug kernel
// then boots in one second, not eleven.

@ word @
identifier dump_trace;
expression addr;
@@
dump_trace(...)
{
<...
- __kernel_text_address(addr)
+ (core_kernel_text(addr) || is_vmalloc_addr((void *)addr)) &&
+ __kernel_text_address(addr)
...>
}

@ depends on word @
@@
#include <linux/kernel.h>
+ #include <linux/mm.h>
