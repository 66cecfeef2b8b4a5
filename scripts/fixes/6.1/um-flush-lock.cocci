// SPDX-License-Identifier: GPL-2.0-only
// Applies to: arch/um/kernel/tlb.c
//
// Two walk the areas of an address space without its mmap_lock. Who flushes all of
// it need not hold it; and a new process must not sleep for it, since the switch to
// it has not ended yet. Nobody changes the areas meanwhile: there is one CPU, no
// preemption, and nothing here sleeps. But lockdep, which is not told so, reports
// the first walk, switching itself off for the rest of the boot.

@@
iterator name for_each_vma;
identifier walker = {flush_tlb_mm, force_flush_all};
@@
walker(...)
{
<...
+ rcu_read_lock();
  for_each_vma(...)
  	fix_range(...);
+ rcu_read_unlock();
...>
}
