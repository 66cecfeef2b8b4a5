// SPDX-License-Identifier: GPL-2.0-only
// Applies to: arch/um/kernel/tlb.c
//
// A new process walks its own mappings without their lock, which lockdep reports
// at the first fork, switching itself off for the rest of the boot.

@@
identifier mm;
iterator name for_each_vma;
@@
force_flush_all(void)
{
<...
+ mmap_read_lock(mm);
  for_each_vma(...)
  	fix_range(mm, ...);
+ mmap_read_unlock(mm);
...>
}
