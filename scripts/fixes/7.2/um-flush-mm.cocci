// SPDX-License-Identifier: GPL-2.0-only
// Applies to: arch/um/kernel/tlb.c
//
// Who flushes the TLB of an address space need not hold its mmap_lock: two that
// unmap at a time do without, and walk the areas while they change. The range
// from the first area to the last is that from the bottom to the top.

@@
iterator name for_each_vma;
declarer name VMA_ITERATOR;
identifier mm, vma, vmi;
@@
flush_tlb_mm(struct mm_struct *mm)
{
- struct vm_area_struct *vma;
- VMA_ITERATOR(vmi, mm, 0);
-
- for_each_vma(vmi, vma)
- 	um_tlb_mark_sync(...);
+ um_tlb_mark_sync(mm, 0, TASK_SIZE);
}
