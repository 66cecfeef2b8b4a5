// SPDX-License-Identifier: GPL-2.0-only
// Applies to: arch/um/kernel/stacktrace.c
//
// To save a stack, each of its words is looked at, and those are kept that the chain of
// frames leads to. KASAN, kmemleak and lockdep save one for each allocation and more:
// follow the chain, and not every word. That of another task may change meanwhile,
// which KASAN has reported: it must not look.

@@
@@
-struct stacktrace_ops dump_ops = {
-	.address = save_addr
-};

@@
identifier tsk, trace;
@@
 __save_stack_trace(struct task_struct *tsk, struct stack_trace *trace)
 {
-	dump_trace(tsk, &dump_ops, trace);
+	unsigned long bp = get_frame_pointer(tsk, tsk->thread.segv_regs);
+	unsigned long end = ALIGN(bp + 1, THREAD_SIZE) - sizeof(struct stack_frame);
+	unsigned long addr, next;
+	struct stack_frame *frame;
+
+	while (bp && IS_ALIGNED(bp, sizeof(long)) && bp <= end) {
+		frame = (struct stack_frame *)bp;
+		addr = READ_ONCE_NOCHECK(frame->return_address);
+		next = (unsigned long)READ_ONCE_NOCHECK(frame->next_frame);
+		if (trace->nr_entries >= trace->max_entries ||
+		    !(core_kernel_text(addr) || is_vmalloc_addr((void *)addr)) ||
+		    !__kernel_text_address(addr))
+			break;
+		save_addr(trace, addr, 1);
+		if (next <= bp)
+			break;
+		bp = next;
+	}
 }
